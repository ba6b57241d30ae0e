"""How much two masks overlap."""

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def dice(a: Mask, b: Mask) -> float:
    """``2 |a and b| / (|a| + |b|)``, in [0, 1]. Two empty masks agree: 1."""
    if a.shape != b.shape:
        raise ValueError(f"masks must have one shape, got {a.shape} and {b.shape}")
    total = int(np.count_nonzero(a)) + int(np.count_nonzero(b))
    return 1.0 if total == 0 else 2.0 * int(np.count_nonzero(a & b)) / total


def bounding_box(mask: Mask) -> tuple[slice, ...]:
    """Slices of the smallest box that holds a mask; the first voxel for an empty mask."""
    if not mask.any():
        return (slice(0, 1),) * mask.ndim
    spans = []
    for axis in range(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        hit = np.flatnonzero(mask.any(axis=others))
        spans.append(slice(int(hit[0]), int(hit[-1]) + 1))
    return tuple(spans)
