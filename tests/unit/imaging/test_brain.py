"""Whether what networks take for a brain can be one."""

from dataclasses import replace

import numpy as np
import pytest

from imaging.brain import BrainSeen, brain_seen, check_brain
from imaging.volume import Volume
from metseg.errors import NoBrainError
from tests.helpers.dicom.phantom import grid_affine

WHOLE = BrainSeen(1300.0, (0.0, 0.0, 0.0), (), 140.0, 0.2, 0.92)


def test_a_whole_brain_gives_no_warning():
    assert check_brain(WHOLE) == ()


DOUBTFUL = [
    ({"volume_ml": 600.0}, "600 ml"),
    ({"volume_ml": 2400.0}, "2400 ml"),
    ({"volume_ml": 340.0, "cut": ("bottom", "top"), "height_mm": 20.0}, "cut at bottom, top"),
    ({"volume_ml": 1700.0, "cut": ("bottom", "top"), "height_mm": 140.0}, "cut at bottom, top"),
    ({"certainty": 0.7}, "hardly recognise"),
]


@pytest.mark.parametrize(("other", "words"), DOUBTFUL)
def test_a_doubtful_brain_makes_a_warning(other, words):
    assert words in " ".join(check_brain(replace(WHOLE, **other)))


NONE = [
    {"volume_ml": 0.0, "centroid_lps_mm": None},
    {"volume_ml": 40.0},
    {"volume_ml": 3800.0},
    {"variation": 0.006},  # a ball of one substance
    {"volume_ml": 546.0, "cut": ("bottom", "top"), "height_mm": 180.0},  # a knee
    {"volume_ml": 400.0, "cut": ("bottom", "top"), "height_mm": 120.0},  # 33 cm2
]


@pytest.mark.parametrize("other", NONE)
def test_a_region_that_cannot_be_a_brain_is_refused(other):
    with pytest.raises(NoBrainError):
        check_brain(replace(WHOLE, **other))


@pytest.mark.parametrize("plane", ["axial", "sagittal", "coronal"])
def test_the_largest_part_of_the_brain_is_measured_where_it_lies(plane):
    """A box of 20 x 30 x 30 voxels of 8 mm3 = 144 ml, and a speck that does not count."""
    shape = (40, 60, 60)
    affine = grid_affine(shape, (2.0, 2.0, 2.0), plane=plane, centre=(0.0, 0.0, 0.0))
    probability = np.zeros(shape, np.float32)
    probability[:20, 15:45, 15:45] = 0.9
    probability[30, 5, 5] = 1.0
    voxels = np.random.default_rng(0).uniform(0, 1000, shape).astype(np.float32)
    seen = brain_seen(probability, Volume(voxels, affine))
    assert seen.volume_ml == pytest.approx(144.0)
    assert seen.certainty == pytest.approx(0.9)
    # Slices run to the top, to the right and to the back; their middle is 10 slices of 2 mm before.
    centre, side = {
        "axial": ((0.0, 0.0, -20.0), "bottom"),
        "sagittal": ((20.0, 0.0, 0.0), "left"),
        "coronal": ((0.0, -20.0, 0.0), "front"),
    }[plane]
    assert seen.centroid_lps_mm == pytest.approx(centre)
    assert seen.cut == (side,)  # 30 x 30 pixels of 4 mm2 = 36 cm2


def test_an_empty_brain_mask_has_a_volume_of_0():
    shape = (4, 8, 8)
    volume = Volume(np.ones(shape, np.float32), np.eye(4))
    assert brain_seen(np.zeros(shape, np.float32), volume).volume_ml == 0.0


def test_a_ball_of_one_substance_has_no_structure():
    """Noise of 8 on 300, smoothed: a deviation far below 3 % of the mean."""
    index = np.indices((60, 60, 60)) - 29.5
    ball = np.square(index).sum(axis=0) < 25**2
    noise = np.random.default_rng(1).normal(0, 8, ball.shape)
    volume = Volume((300 * ball + np.abs(noise)).astype(np.float32), np.eye(4))
    seen = brain_seen(ball.astype(np.float32), volume)
    with pytest.raises(NoBrainError, match="no structure"):
        check_brain(seen)
