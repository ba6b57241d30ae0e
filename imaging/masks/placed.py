"""A mask on a grid of its own, and laid on that of a volume."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from imaging.volume import Volume

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class PlacedMask:
    """A mask ``(Z, H, W)`` on a grid of its own.

    `affine` maps (slice, row, column, 1) to LPS mm. A DICOM SEG has frames only where something is
    marked, so its grid may end there.
    """

    mask: Mask
    affine: NDArray[np.float64]
    frame_of_reference_uid: str | None = None
    """Of a DICOM SEG."""
    warnings: tuple[str, ...] = field(default=())
    """What in it is doubtful."""

    def grid(self) -> Volume:
        """Its grid as a volume without voxels."""
        return Volume(np.broadcast_to(np.float32(0.0), self.mask.shape), self.affine)


def box_corners(lows: Sequence[float], highs: Sequence[float]) -> NDArray[np.float64]:
    """The eight corners ``(8, 3)`` of a box."""
    pairs = np.stack([lows, highs])
    choice = np.stack(np.meshgrid(*[[0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    return np.asarray(pairs[choice, np.arange(3)], dtype=np.float64)


def grid_corners(shape: Sequence[int]) -> NDArray[np.float64]:
    """The eight corner voxels ``(8, 3)`` of a grid of such a shape, as (slice, row, column)."""
    return box_corners([0.0] * 3, [size - 1.0 for size in shape])


def sample_nearest(mask: Mask, affine: NDArray[np.float64], volume: Volume) -> Mask:
    """Nearest voxel of a mask on a grid of its own, for each voxel of a volume; outside is False.

    `affine` maps (slice, row, column, 1) of the mask to LPS mm.
    """
    laid = np.zeros(volume.shape, dtype=np.bool_)
    if not mask.any():
        return laid
    to_mask = np.linalg.inv(affine) @ volume.affine
    rows, columns = np.arange(volume.shape[1]), np.arange(volume.shape[2])
    in_plane = [m[1] * rows[:, None] + m[2] * columns[None, :] + m[3] for m in to_mask[:3]]
    for z in range(volume.shape[0]):
        index = [
            np.rint(plane + m[0] * z).astype(np.intp)
            for plane, m in zip(in_plane, to_mask[:3], strict=True)
        ]
        inside = np.ones(volume.shape[1:], dtype=np.bool_)
        for axis, size in zip(index, mask.shape, strict=True):
            inside &= (axis >= 0) & (axis < size)
        laid[z][inside] = mask[tuple(axis[inside] for axis in index)]
    return laid


def share_inside(mask: Mask, affine: NDArray[np.float64], volume: Volume) -> float:
    """The share of what a mask on its own grid marks that lies in a volume, 0 to 1; 1 if it marks
    nothing.
    """
    marked = np.argwhere(mask)
    if not len(marked):
        return 1.0
    to_volume = np.linalg.inv(volume.affine) @ affine
    index = marked @ to_volume[:3, :3].T + to_volume[:3, 3]
    within = (index >= -0.5) & (index <= np.array(volume.shape) - 0.5)
    return float(within.all(axis=1).mean())
