"""Probabilities become numbered lesions; what the rule refuses is reported with the reason."""

import numpy as np
import pytest

from imaging.lesions.find import find_lesions
from imaging.lesions.lesion import DropReason
from imaging.lesions.rule import LesionRule
from imaging.volume import Volume
from tests.helpers.dicom.phantom import Ball, grid_affine, head_with_lesions

SHAPE = (10, 20, 20)
RULE = LesionRule(seed_threshold=0.8, grow_threshold=0.4, minimum_volume_mm3=10.0, minimum_slices=2)


def grid(spacing=(2.0, 1.0, 1.0), shape=SHAPE) -> Volume:
    return Volume(np.zeros(shape, np.float32), grid_affine(shape, spacing, centre=(0, 0, 0)))


def probabilities(*blocks) -> np.ndarray:
    """Blocks are ((z, y, x) of a corner, (depth, height, width), probability)."""
    mean = np.zeros(SHAPE, np.float32)
    for (z, y, x), (depth, height, width), p in blocks:
        mean[z : z + depth, y : y + height, x : x + width] = p
    return mean


def test_lesions_are_numbered_by_falling_volume():
    mean = probabilities(((1, 1, 1), (2, 2, 3), 0.9), ((5, 10, 10), (3, 4, 4), 0.9))
    labels, lesions, dropped = find_lesions(mean, grid(), RULE)
    assert [(one.number, one.voxel_count, one.volume_mm3) for one in lesions] == [
        (1, 48, 96.0),  # 3 x 4 x 4 voxels of 2 mm3
        (2, 12, 24.0),
    ]
    assert labels.dtype == np.uint16
    assert np.count_nonzero(labels == 1) == 48
    assert labels[1, 1, 1] == 2
    assert dropped == []


def test_a_lesion_grows_from_its_seed_to_the_lower_threshold():
    mean = probabilities(((2, 5, 5), (4, 6, 6), 0.5), ((3, 7, 7), (1, 1, 1), 0.85))
    _, (lesion,), _ = find_lesions(mean, grid(), RULE)
    assert lesion.voxel_count == 144
    assert lesion.max_probability == pytest.approx(0.85)
    assert lesion.mean_probability == pytest.approx((143 * 0.5 + 0.85) / 144)


def test_thresholds_include_their_own_value():
    mean = probabilities(((2, 5, 5), (4, 6, 6), np.float32(0.4)), ((3, 7, 7), (1, 1, 1), 0.8))
    _, lesions, _ = find_lesions(mean, grid(), RULE)
    assert lesions[0].voxel_count == 144


def test_voxels_that_touch_at_a_corner_are_one_lesion():
    mean = probabilities(((2, 2, 2), (2, 2, 2), 0.9), ((4, 4, 4), (2, 2, 2), 0.9))
    assert len(find_lesions(mean, grid(), RULE)[1]) == 1


DROPS = {
    "no seed": (((2, 2, 2), (3, 3, 3), 0.7), DropReason.NO_SEED),
    "too small": (((2, 2, 2), (2, 1, 2), 0.9), DropReason.TOO_SMALL),  # 4 x 2 mm3 = 8 mm3
    "one slice": (((2, 2, 2), (1, 6, 6), 0.9), DropReason.TOO_FEW_SLICES),
}


@pytest.mark.parametrize(("block", "reason"), DROPS.values(), ids=DROPS)
def test_candidates_are_dropped_with_the_reason(block, reason):
    labels, lesions, (dropped,) = find_lesions(probabilities(block), grid(), RULE)
    assert lesions == []
    assert not labels.any()
    assert dropped.reason is reason
    assert dropped.max_probability == pytest.approx(block[2])


def test_a_faint_spot_without_a_seed_is_not_a_candidate():
    assert find_lesions(probabilities(((2, 2, 2), (1, 2, 2), 0.5)), grid(), RULE)[2] == []


def test_an_empty_volume_has_no_lesions():
    labels, lesions, dropped = find_lesions(probabilities(), grid(), RULE)
    assert (labels.any(), lesions, dropped) == (False, [], [])


@pytest.mark.parametrize("plane", ["axial", "sagittal", "coronal", "oblique"])
def test_known_balls_are_measured_in_every_plane(plane):
    balls = (Ball((20.0, 10.0, 8.0), 9.0), Ball((-20.0, -15.0, -10.0), 6.5))
    head = head_with_lesions((50, 80, 80), (1.5, 1.0, 1.2), plane=plane, balls=balls)
    mean = (head.labels > 0).astype(np.float32)
    _, lesions, _ = find_lesions(mean, head.volume, LesionRule())
    middle = np.array([4.0, -7.0, 11.0])  # of grid_affine
    assert len(lesions) == 2
    for lesion, ball in zip(lesions, balls, strict=True):
        assert lesion.volume_mm3 == pytest.approx(ball.volume_mm3, rel=0.05)
        np.testing.assert_allclose(lesion.centroid_lps_mm, middle + ball.centre_mm, atol=0.3)
        assert lesion.longest_diameter_mm == pytest.approx(2 * ball.radius_mm, abs=1.6)
        assert lesion.perpendicular_diameter_mm == pytest.approx(2 * ball.radius_mm, abs=1.6)
        assert lesion.measurable
        mine = (head.labels == lesion.number).sum(axis=(1, 2))
        assert mine[lesion.slice_index] == mine.max()


@pytest.mark.parametrize(
    ("length", "width", "measurable"), [(10, 5, True), (9, 5, False), (10, 4, False)]
)
def test_a_lesion_of_ten_by_five_millimetres_is_measurable(length, width, measurable):
    _, (lesion,), _ = find_lesions(
        probabilities(((2, 2, 2), (3, width, length), 0.9)),
        grid((1.0, 1.0, 1.0)),
        LesionRule(minimum_volume_mm3=1),
    )
    # The diagonal of 10 x 5 mm is hypot(9, 4) + 1 = 10.8 mm, that of 9 x 5 is 9.9 mm;
    # across the diagonal of 10 x 4 there are 4.3 mm.
    assert lesion.measurable is measurable


@pytest.mark.parametrize(("slices", "possible"), [(2, True), (3, False)])
def test_a_lesion_below_twenty_cubic_millimetres_is_possible(slices, possible):
    _, (lesion,), _ = find_lesions(
        probabilities(((2, 2, 2), (slices, 3, 3), 0.9)),  # 18 and 27 mm3
        grid((1.0, 1.0, 1.0)),
        LesionRule(minimum_volume_mm3=1),
    )
    assert lesion.possible is possible
    assert not lesion.measurable


def test_probabilities_are_left_as_they_were():
    mean = probabilities(((2, 2, 2), (3, 3, 3), 0.9))
    before = mean.copy()
    find_lesions(mean, grid(), RULE)
    np.testing.assert_array_equal(mean, before)


@pytest.mark.parametrize("wrong", [np.nan, 1.5, -0.1])
def test_anything_but_probabilities_is_refused(wrong):
    mean = probabilities()
    mean[3, 3, 3] = wrong
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        find_lesions(mean, grid(), RULE)


def test_probabilities_on_another_grid_are_refused():
    with pytest.raises(ValueError, match="shape of volume"):
        find_lesions(np.zeros((3, 3, 3), np.float32), grid(), RULE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed_threshold": 0.3, "grow_threshold": 0.4},
        {"grow_threshold": 0.0},
        {"seed_threshold": 1.1},
        {"minimum_volume_mm3": -1.0},
        {"minimum_slices": 0},
    ],
)
def test_a_lesion_rule_is_valid_once_made(wrong):
    with pytest.raises(ValueError, match="must"):
        LesionRule(**wrong)
