"""Longest axial diameter and its perpendicular, as RANO-BM measures them."""

import numpy as np
from numpy.typing import NDArray

# Steps of the search for the perpendicular chord, in parts of the smaller pixel side.
_STEPS_PER_PIXEL = 4


def axial_diameters(mask: NDArray[np.bool_], affine: NDArray[np.float64]) -> tuple[float, float]:
    """Longest diameter in an axial plane and the longest chord perpendicular to it in the same
    plane, in mm.

    The planes are those of the voxel grid closest to axial: the slices of an axial series, and for
    a sagittal or coronal series the planes across its slices. No resampling, so an oblique grid is
    measured on its own planes. Both are measured to voxel edges: between voxel centres, plus one
    voxel along the direction measured. A diameter may run outside a lesion that is not convex.

    Parameters
    ----------
    mask
        ``(Z, H, W)``, one lesion, not empty.
    affine
        Voxel index to LPS mm; only directions and spacings are used.

    References
    ----------
    Lin NU et al. Response assessment criteria for brain metastases: proposal from the RANO group.
    Lancet Oncol 2015; 16:e270-78.
    """
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    axis = axial_axis(affine)
    planes = np.moveaxis(mask, axis, 0)
    pixel = np.delete(spacing, axis)
    best = max(
        (_longest(plane, pixel) for plane in planes if plane.any()), key=lambda found: found[0]
    )
    length, direction, plane = best
    perpendicular = np.array([-direction[1], direction[0]])
    return length, min(length, _longest_chord(plane, pixel, perpendicular))


def axial_axis(affine: NDArray[np.float64]) -> int:
    """The voxel axis closest to head-foot: the planes across it are the closest to axial."""
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return int(np.abs(directions[2]).argmax())


def _longest(
    plane: NDArray[np.bool_], pixel: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64], NDArray[np.bool_]]:
    """Length in mm, unit direction (row, column) in mm, and the plane. The ends of the rows include
    all corners of the hull.
    """
    rows = np.flatnonzero(plane.any(axis=1))
    first = plane[rows].argmax(axis=1)
    last = plane.shape[1] - 1 - plane[rows, ::-1].argmax(axis=1)
    ends = np.concatenate([np.stack([rows, first], 1), np.stack([rows, last], 1)]) * pixel
    apart = ends[:, None, :] - ends[None, :, :]
    length = np.linalg.norm(apart, axis=2)
    direction = apart.reshape(-1, 2)[length.argmax()]
    if not direction.any():  # one pixel: its longer side
        direction = np.array([1.0, 0.0]) if pixel[0] >= pixel[1] else np.array([0.0, 1.0])
    direction = direction / np.linalg.norm(direction)
    return float(length.max() + _pixel_along(direction, pixel)), direction, plane


def _pixel_along(direction: NDArray[np.float64], pixel: NDArray[np.float64]) -> float:
    """Size of a pixel along a direction: its sides along the axes, in between the ellipse through
    them.
    """
    return float(np.linalg.norm(direction * pixel))


def _longest_chord(
    plane: NDArray[np.bool_], pixel: NDArray[np.float64], direction: NDArray[np.float64]
) -> float:
    """Longest stretch between two pixels of the mask on one line along `direction`, edge to edge,
    in mm.
    """
    step = float(pixel.min()) / _STEPS_PER_PIXEL
    points = np.argwhere(plane) * pixel
    centre = points.mean(axis=0)
    reach = float(np.linalg.norm(points - centre, axis=1).max() + np.linalg.norm(pixel))
    ticks = np.arange(-reach, reach + step, step)
    across = np.array([-direction[1], direction[0]])
    lines = centre + ticks[:, None, None] * across + ticks[None, :, None] * direction
    row, column = np.moveaxis(np.rint(lines / pixel).astype(np.intp), -1, 0)
    inside = (row >= 0) & (row < plane.shape[0]) & (column >= 0) & (column < plane.shape[1])
    hit = np.zeros(inside.shape, dtype=np.bool_)
    hit[inside] = plane[row[inside], column[inside]]
    hit = hit[hit.any(axis=1)]
    extent = hit.shape[1] - hit[:, ::-1].argmax(axis=1) - hit.argmax(axis=1)
    return float(extent.max() * step)
