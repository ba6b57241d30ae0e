"""Two segmentations on one grid, so that they can be measured against each other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.boxes import bounding_box
from imaging.dicom.series.series import MAX_VOXELS
from imaging.masks.placed import Mask, PlacedMask, box_corners, grid_corners, sample_nearest
from imaging.volume import Volume
from metseg.errors import ReferenceMaskError

_SAME_PLACE = 0.01  # of a voxel: voxel centres nearer than this are one


@dataclass(frozen=True, slots=True, eq=False)
class MaskPair:
    """Two masks ``(Z, H, W)`` in the box of `volume` that holds all that either marks.

    The grid is the prediction's, `volume` has no voxels of its own. `resampled` says whether voxels
    of the reference had no counterpart on it; `reference_volume_mm3` is what it marked before.
    """

    prediction: Mask
    reference: Mask
    volume: Volume
    resampled: bool
    reference_volume_mm3: float


def on_one_grid(prediction: PlacedMask, reference: PlacedMask) -> MaskPair:
    """Lay the reference on the grid of the prediction, each voxel taking the nearest one.

    The prediction's grid is continued as far as the reference marks anything: nothing is cut off.

    Raises
    ------
    ReferenceMaskError
        They have two frames of reference, or lie so far apart that no grid of a sensible size holds
        both.
    """
    frames = {one.frame_of_reference_uid for one in (prediction, reference)} - {None, ""}
    if len(frames) > 1:
        raise ReferenceMaskError("prediction and reference must have one FrameOfReferenceUID")
    to_prediction = np.linalg.inv(prediction.affine) @ reference.affine
    start, stop = _hull(prediction.mask, _marked_box(reference.mask, to_prediction))
    shape = tuple(int(size) for size in stop - start)
    if np.prod(shape, dtype=np.float64) > MAX_VOXELS:
        raise ReferenceMaskError(
            f"prediction and reference must lie together, a box around both has {shape} voxels"
        )
    volume = Volume(np.broadcast_to(np.float32(0.0), shape), _moved(prediction.affine, start))
    voxel_mm3 = abs(float(np.linalg.det(reference.affine[:3, :3])))
    return MaskPair(
        prediction=_cut(prediction.mask, start, shape),
        reference=sample_nearest(reference.mask, reference.affine, volume),
        volume=volume,
        resampled=not _is_same_lattice(to_prediction, reference.mask.shape),
        reference_volume_mm3=float(np.count_nonzero(reference.mask)) * voxel_mm3,
    )


def _marked_box(mask: Mask, to_other: NDArray[np.float64]) -> NDArray[np.intp] | None:
    """Lowest and highest index ``(2, 3)`` of the other grid that what is marked reaches."""
    if not mask.any():
        return None
    box = bounding_box(mask)
    lows, highs = [one.start - 0.5 for one in box], [one.stop - 0.5 for one in box]
    placed = box_corners(lows, highs) @ to_other[:3, :3].T + to_other[:3, 3]
    inside = _SAME_PLACE  # a corner on the edge of a voxel does not reach the next one
    reached = np.rint([placed.min(axis=0) + inside, placed.max(axis=0) - inside])
    return np.asarray(reached, dtype=np.intp)


def _hull(mask: Mask, other: NDArray[np.intp] | None) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First and past-the-last index of the box around a mask and a second box."""
    box = bounding_box(mask)
    start = np.array([one.start for one in box], dtype=np.intp)
    stop = np.array([one.stop for one in box], dtype=np.intp)
    if other is None:
        return start, stop
    if not mask.any():
        return other[0], other[1] + 1
    return np.minimum(start, other[0]), np.maximum(stop, other[1] + 1)


def _cut(mask: Mask, start: NDArray[np.intp], shape: tuple[int, ...]) -> Mask:
    """The part of a mask from an index on; what lies beyond the mask is False."""
    part = np.zeros(shape, dtype=np.bool_)
    low = np.maximum(start, 0)
    high = np.maximum(np.minimum(start + np.array(shape), mask.shape), low)
    source = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    target = tuple(slice(a, b) for a, b in zip(low - start, high - start, strict=True))
    part[target] = mask[source]
    return part


def _moved(affine: NDArray[np.float64], start: NDArray[np.intp]) -> NDArray[np.float64]:
    """The affine of the same grid with another first voxel."""
    moved = affine.copy()
    moved[:3, 3] += affine[:3, :3] @ start
    return moved


def _is_same_lattice(to_other: NDArray[np.float64], shape: tuple[int, ...]) -> bool:
    """Whether the voxel centres of one grid are voxel centres of the other, one to one."""
    whole = np.rint(to_other)
    corners = grid_corners(shape)
    off = corners @ (to_other - whole)[:3, :3].T + (to_other - whole)[:3, 3]
    one_to_one = abs(abs(np.linalg.det(whole[:3, :3])) - 1.0) < 1e-6
    return bool(one_to_one and np.abs(off).max() < _SAME_PLACE)
