"""Boxes around what a mask marks, as slices along each axis."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    """Slices of the smallest box that holds a mask; the first voxel for an empty mask."""
    if not mask.any():
        return (slice(0, 1),) * mask.ndim
    spans = []
    for axis in range(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        hit = np.flatnonzero(mask.any(axis=others))
        spans.append(slice(int(hit[0]), int(hit[-1]) + 1))
    return tuple(spans)


def widened(
    box: Sequence[slice], by: int | Sequence[int], shape: Sequence[int]
) -> tuple[slice, ...]:
    """The box with `by` voxels more at each side, one number or one per axis, inside an array of
    `shape`.
    """
    more = [by] * len(box) if isinstance(by, int) else by
    return tuple(
        slice(max(0, side.start - step), min(size, side.stop + step))
        for side, step, size in zip(box, more, shape, strict=True)
    )
