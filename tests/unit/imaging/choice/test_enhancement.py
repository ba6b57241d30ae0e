"""The picture shows whether contrast agent was given: vessels beside white matter."""

from functools import cache

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from imaging.choice.enhancement import (
    NOT_SHOWN,
    SHOWN,
    Enhancement,
    is_subtraction,
    measure_enhancement,
)
from tests.helpers.data import require_data

WHITE, GREY, CSF, SKULL, FAT = 1000.0, 700.0, 250.0, 100.0, 1600.0
SHAPE = (150, 200, 160)


@cache
def drawn(*, vessels: float, tilt: float = 0.0, noise: float = 20.0) -> NDArray[np.float32]:
    """A head: scalp of fat, skull, grey over white matter, ventricles, and inner veins of 4 mm.

    `tilt` is the share by which the field changes from end to end.
    """
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    radius = np.sqrt(((z - 60) / 80) ** 2 + ((y - 100) / 92) ** 2 + ((x - 80) / 74) ** 2)
    voxels = np.zeros(SHAPE, np.float32)
    for limit, value in ((1.0, FAT), (0.94, SKULL), (0.86, GREY), (0.72, WHITE)):
        voxels[radius < limit] = value
    voxels[(np.abs(x - 80) < 8) & (np.abs(y - 90) < 25) & (np.abs(z - 75) < 12)] = CSF
    for row in (70, 110, 125):
        voxels[((y - row) ** 2 + (z - 95) ** 2 < 9) & (np.abs(x - 80) < 40)] = vessels
    field = 1 + tilt * (np.arange(SHAPE[1]) / SHAPE[1] - 0.5)
    noisy = voxels * field[:, None] + np.random.default_rng(4).normal(0, noise, SHAPE)
    return np.maximum(noisy, 0).astype(np.float32)


def head_of(voxels: NDArray[np.float32]) -> NDArray[np.bool_]:
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    inside = ((z - 60) / 80) ** 2 + ((y - 100) / 92) ** 2 + ((x - 80) / 74) ** 2 < 1
    return np.asarray(inside, dtype=np.bool_)


@pytest.mark.parametrize(
    ("vessels", "shows", "tilt", "unit"),
    [(400.0, False, 0.0, 1.0), (1000.0, False, 0.4, 0.01), (1900.0, True, 0.4, 0.01)],
)
def test_bright_vessels_show_agent_in_any_unit_and_field(
    vessels: float, shows: bool, tilt: float, unit: float
) -> None:
    voxels = drawn(vessels=vessels, tilt=tilt)
    assert measure_enhancement(voxels * np.float32(unit), head_of(voxels)).shows_agent is shows


def test_the_enhancement_value_compares_vessels_with_white_matter() -> None:
    voxels = drawn(vessels=1900.0, noise=0.0)
    ratio = measure_enhancement(voxels, head_of(voxels)).ratio
    assert ratio is not None
    # 1900 / 1000, lowered by the means of blocks and of the field around
    assert 1.5 < ratio < 2.0


def test_enhancement_between_the_limits_says_nothing() -> None:
    middle = (SHOWN + NOT_SHOWN) / 2
    looks = [Enhancement(r).shows_agent for r in (NOT_SHOWN - 0.01, NOT_SHOWN, middle, SHOWN, None)]
    assert looks == [False, None, None, True, None]
    assert "between before and after" in Enhancement(middle).words
    assert "does not show whether" in Enhancement(None).words


@pytest.mark.parametrize(
    "voxels",
    [
        np.zeros(SHAPE, np.float32),
        np.where(head_of(np.empty(SHAPE)), 300, 0).astype(np.float32),  # no grey, no white matter
        drawn(vessels=1900.0)[:30],
        np.zeros((4, 5, 6), np.float32),
    ],
    ids=["blank", "one tissue", "a slab", "tiny"],
)
def test_a_picture_that_is_not_a_brain_says_nothing_of_enhancement(
    voxels: NDArray[np.float32],
) -> None:
    head = head_of(voxels)[tuple(slice(size) for size in voxels.shape)]
    assert measure_enhancement(voxels, head) == Enhancement(None)


@pytest.mark.parametrize(("shift", "clipped"), [(0.0, False), (2048.0, False), (0.0, True)])
def test_a_subtraction_of_two_scans_is_recognised_in_the_picture(
    shift: float, clipped: bool
) -> None:
    after, before = drawn(vessels=1900.0), drawn(vessels=400.0)
    noise = np.random.default_rng(5).normal(0, 20, SHAPE)
    difference = (after - before + noise).astype(np.float32)
    if clipped:
        difference = np.maximum(difference, 0)
    assert is_subtraction(difference + np.float32(shift))
    assert measure_enhancement(difference, head_of(difference)).is_subtraction
    assert not is_subtraction(after)
    assert not is_subtraction(before)


@pytest.mark.parametrize(("kind", "shows"), [("t1c", True), ("t1n", False)])
def test_a_real_metastasis_study_shows_agent_after_it_only(kind: str, shows: bool) -> None:
    path = require_data("mets") / "BraTS-MET-00110-000" / f"BraTS-MET-00110-000-{kind}.nii.gz"
    voxels = np.asarray(nib.load(path).dataobj, dtype=np.float32).transpose(2, 1, 0)
    assert measure_enhancement(voxels, voxels > 0).shows_agent is shows
