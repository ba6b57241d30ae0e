"""Masks of two grids are compared on one, and nothing of the reference is cut off."""

import numpy as np
import pytest

from imaging.masks.mask_pair import on_one_grid
from imaging.masks.reference import PlacedMask
from imaging.metrics.evaluate import evaluate
from imaging.metrics.overlap import dice
from metseg.errors import ReferenceMaskError

GRID = np.array([[0, 0, 0.5, -20], [0, 2.0, 0, 30], [3.0, 0, 0, -9], [0, 0, 0, 1]])


def block(shape, start, size, affine=GRID, frame=None) -> PlacedMask:
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(a, a + b) for a, b in zip(start, size, strict=True))] = True
    return PlacedMask(mask, np.asarray(affine, dtype=float), frame)


def moved(index, affine=GRID) -> np.ndarray:
    """The grid whose first voxel is `index` of another one."""
    there = affine.copy()
    there[:3, 3] += affine[:3, :3] @ np.array(index, dtype=float)
    return there


A = block((8, 12, 14), (2, 3, 4), (3, 4, 5))


def test_masks_of_one_grid_are_kept_as_they_are() -> None:
    pair = on_one_grid(A, block((8, 12, 14), (2, 3, 5), (3, 4, 5)))
    assert not pair.resampled
    assert pair.prediction.shape == (3, 4, 6)
    assert dice(pair.prediction, pair.reference) == pytest.approx(4 / 5)
    assert pair.volume.spacing == (3.0, 2.0, 0.5)
    np.testing.assert_allclose(pair.volume.affine, moved((2, 3, 4)))


def test_a_segmentation_that_ends_at_its_last_frame_is_continued() -> None:
    cut = PlacedMask(A.mask[2:5], moved((2, 0, 0)))
    reference = PlacedMask(A.mask.copy(), GRID)
    reference.mask[7, 10:, 10:] = True  # a lesion beyond the frames: 2 x 4 voxels
    pair = on_one_grid(cut, reference)
    assert not pair.resampled
    assert np.count_nonzero(pair.prediction) == 60
    assert np.count_nonzero(pair.reference) == 68
    found = evaluate(pair.prediction, pair.reference, pair.volume)
    assert (found.true_positives, found.false_negatives) == (1, 1)
    assert found.dice == pytest.approx(2 * 60 / 128)


def test_a_mask_with_axes_in_another_order_and_direction_has_the_same_voxels() -> None:
    flipped = np.ascontiguousarray(A.mask.transpose(2, 0, 1)[:, ::-1, :])
    affine = moved((7, 0, 0))[:, [2, 0, 1, 3]] * [1, -1, 1, 1]
    pair = on_one_grid(A, PlacedMask(flipped, affine))
    assert not pair.resampled
    np.testing.assert_array_equal(pair.prediction, pair.reference)


@pytest.mark.parametrize("fineness", [2, 3])
def test_a_finer_reference_is_resampled_and_this_is_reported(fineness) -> None:
    mask = np.kron(A.mask, np.ones((fineness,) * 3)) > 0
    affine = GRID.copy()
    affine[:3, :3] /= fineness
    affine[:3, 3] -= affine[:3, :3] @ np.full(3, (fineness - 1) / 2)
    pair = on_one_grid(A, PlacedMask(mask, affine))
    assert pair.resampled
    np.testing.assert_array_equal(pair.prediction, pair.reference)
    assert pair.reference_volume_mm3 == pytest.approx(60 * 3.0)


def test_a_mask_shifted_by_half_a_voxel_is_on_another_grid() -> None:
    assert on_one_grid(A, PlacedMask(A.mask, moved((0.5, 0, 0)))).resampled
    assert not on_one_grid(A, PlacedMask(A.mask, moved((0.0001, 0, 0)))).resampled


@pytest.mark.parametrize("empty", ["prediction", "reference", "both"])
def test_empty_masks_are_put_on_one_grid_too(empty) -> None:
    nothing = block((8, 12, 14), (0, 0, 0), (0, 0, 0))
    pair = on_one_grid(
        A if empty == "reference" else nothing, A if empty == "prediction" else nothing
    )
    marked = np.count_nonzero(pair.prediction), np.count_nonzero(pair.reference)
    assert marked == {"prediction": (0, 60), "reference": (60, 0), "both": (0, 0)}[empty]


def test_masks_of_two_frames_of_reference_are_refused() -> None:
    one, other = (block((4, 4, 4), (1, 1, 1), (2, 2, 2), frame=uid) for uid in ("1.2", "1.3"))
    with pytest.raises(ReferenceMaskError, match="one FrameOfReferenceUID"):
        on_one_grid(one, other)
    assert on_one_grid(one, A).reference.any()


def test_masks_that_lie_far_apart_are_refused() -> None:
    with pytest.raises(ReferenceMaskError, match="must lie together"):
        on_one_grid(A, PlacedMask(A.mask, moved((3000, 3000, 3000))))
