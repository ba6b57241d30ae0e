"""How far the surfaces of two masks lie apart.

The surface of a mask is its border voxels, those with a face neighbour outside, as BraTS-METS 2025
defines it (panoptica). Spacings are in mm, in the order of the axes, which are taken to be
orthogonal.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from imaging.boxes import bounding_box
from imaging.metrics.overlap import Mask

SURFACE_TOLERANCE_MM = 1.0  # BraTS-METS 2025 on its 1 mm grids
_ROUNDING_MM = 1e-6  # a distance equal to the tolerance is within it, whatever its last bit
_FACES = np.concatenate([np.eye(3, dtype=np.intp), -np.eye(3, dtype=np.intp)])

Spacing = tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceDistances:
    """Distances, in mm, from border voxels of one mask to the nearest of the other, both ways."""

    forth: NDArray[np.float64]
    back: NDArray[np.float64]

    def hd95(self) -> float:
        """95th percentile of both directions pooled."""
        return float(np.percentile(np.concatenate([self.forth, self.back]), 95))

    def surface_dice(self, tolerance_mm: float) -> float:
        """Mean over the two directions of the share within the tolerance."""
        within = tolerance_mm + _ROUNDING_MM
        return float(np.mean(self.forth <= within) + np.mean(self.back <= within)) / 2.0


def surface_distances(a: Mask, b: Mask, spacing: Spacing) -> SurfaceDistances:
    """Measure the two surfaces against each other.

    Raises
    ------
    ValueError
        The shapes differ, or a mask is empty: there is no distance.
    """
    _check_shapes(a, b)
    if not (a.any() and b.any()):
        raise ValueError("masks must not be empty")
    box = bounding_box(a | b)
    of_a, of_b = (_surface_mm(mask[box], spacing) for mask in (a, b))
    return SurfaceDistances(_nearest(of_a, of_b), _nearest(of_b, of_a))


def hd95(a: Mask, b: Mask, spacing: Spacing) -> float:
    """95th percentile of the distances between the borders of two masks, both ways pooled, in mm.

    Raises
    ------
    ValueError
        The shapes differ, or a mask is empty: there is no distance.
    """
    return surface_distances(a, b, spacing).hd95()


def surface_dice(
    a: Mask, b: Mask, spacing: Spacing, *, tolerance_mm: float = SURFACE_TOLERANCE_MM
) -> float:
    """Normalised surface Dice (NSD): the share of each surface that lies within a tolerance of the
    other, mean of both, in [0, 1].

    Two empty masks agree: 1. One empty mask: 0.

    References
    ----------
    Nikolov 2021, J Med Internet Res 23:e26151, names the measure and weighs by area; BraTS-METS
    2025 counts border voxels, as is done here.
    """
    _check_shapes(a, b)
    if not a.any() or not b.any():
        return 1.0 if a.any() == b.any() else 0.0
    return surface_distances(a, b, spacing).surface_dice(tolerance_mm)


def _check_shapes(a: Mask, b: Mask) -> None:
    if a.shape != b.shape:
        raise ValueError(f"masks must have one shape, got {a.shape} and {b.shape}")


def _nearest(points: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(KDTree(others).query(points)[0], dtype=np.float64)


def _surface_mm(mask: Mask, spacing: Spacing) -> NDArray[np.float64]:
    """Positions of the border voxels, ``(n, 3)``. What lies beyond the array is outside."""
    padded = np.pad(mask, 1)
    index = np.argwhere(padded)
    inner = np.logical_and.reduce([padded[tuple((index + face).T)] for face in _FACES])
    return np.asarray(index[~inner] * np.array(spacing), dtype=np.float64)
