"""Conspicuity of drawn balls in noise, and the counts by it."""

import numpy as np
import pytest

from imaging.volume import Volume
from training.finish.conspicuity import conspicuities
from training.report.fate_tables import CLASSES, by_conspicuity, conspicuity_table

SHAPE = (24, 30, 40)
ZYX = np.indices(SHAPE)


def ball(column: int, radius: float):
    z, y, x = ZYX
    return (z - 12) ** 2 + (y - 15) ** 2 + (x - column) ** 2 <= radius**2


def scene(brightness: float, *, noise: float = 1.0):
    """A ball that is `brightness` above its surroundings, with a far brighter one 3 mm from it."""
    lesions = np.zeros(SHAPE, np.int32)
    lesions[ball(10, 4)] = 1
    lesions[ball(21, 4)] = 2
    voxels = np.random.default_rng(3).normal(100, noise, SHAPE)
    voxels[lesions == 1] = 100 + brightness
    voxels[lesions == 2] = 500
    return Volume(voxels.astype(np.float32), np.eye(4)), lesions


@pytest.mark.parametrize("brightness", [-2.0, 0.5, 3.0, 8.0])
def test_conspicuity_is_brightness_over_noise_whatever_lies_beside(brightness):
    volume, lesions = scene(brightness)
    assert conspicuities(volume, lesions)[0] == pytest.approx(brightness, abs=0.4)


def test_conspicuity_is_the_same_in_another_unit_and_halves_with_twice_the_noise():
    volume, lesions = scene(6.0)
    scaled = Volume(volume.voxels * np.float32(7), volume.affine)
    assert conspicuities(scaled, lesions)[0] == pytest.approx(
        conspicuities(volume, lesions)[0], rel=1e-3
    )
    noisier, _ = scene(6.0, noise=2.0)
    assert conspicuities(noisier, lesions)[0] == pytest.approx(3.0, abs=0.4)


def test_a_dark_centre_does_not_hide_a_bright_rim():
    volume, lesions = scene(6.0)
    volume.voxels[ball(10, 2)] = 40.0
    assert conspicuities(volume, lesions)[0] == pytest.approx(6.0, abs=0.4)


def test_surroundings_of_a_lesion_are_measured_in_millimetres():
    volume, lesions = scene(6.0)
    far = np.ones(SHAPE, dtype=bool)
    far[5:20, 8:23, 3:18] = False
    volume.voxels[far & (lesions == 0)] += 200.0
    assert conspicuities(volume, lesions)[0] > 4
    coarse = Volume(volume.voxels, np.diag([0.5, 0.5, 0.5, 1.0]))
    assert conspicuities(coarse, lesions)[0] < 0, "now 4.5 mm are nine voxels, and bright"


def test_a_lesion_with_empty_or_constant_surroundings_has_no_conspicuity():
    volume, lesions = scene(6.0, noise=0.0)
    assert conspicuities(volume, lesions)[0] == 0.0
    assert conspicuities(volume, np.ones(SHAPE, np.int32))[0] == 0.0


def test_lesions_are_counted_by_conspicuity_and_size():
    counts = by_conspicuity(
        [(1.9, 4.0, False), (2.0, 4.0, True), (3.9, 12.0, False), (50.0, 7.0, True)]
    )
    assert list(counts) == list(CLASSES)
    assert list(conspicuity_table(counts)) == [
        "| conspicuity | <3 mm | 3-5 mm | 5-10 mm | >=10 mm |",
        "|---|---|---|---|---|",
        "| <2 | 0 of 0 | 0 of 1 (0.00) | 0 of 0 | 0 of 0 |",
        "| 2-4 | 0 of 0 | 1 of 1 (1.00) | 0 of 0 | 0 of 1 (0.00) |",
        "| >=4 | 0 of 0 | 0 of 0 | 1 of 1 (1.00) | 0 of 0 |",
    ]
