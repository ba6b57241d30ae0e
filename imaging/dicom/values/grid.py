"""Whether slices make one regular grid, and which."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.values.frames import Frame
from metseg.errors import GeometryError

ORIENTATION_TOLERANCE = 1e-3  # of a direction cosine; writers round to four digits or more
PERPENDICULAR_TOLERANCE = 1e-2  # sine of the angle by which a stack may lean
SPACING_TOLERANCE = 1e-3  # of the pixel spacing, as a part
SAME_PLACE_MM = 1e-2
# How far a slice may be from its place: a part of the distance between slices, and at least what
# rounding in the header causes.
PLACE_TOLERANCE = 0.05
PLACE_TOLERANCE_MM = 0.02


def sort_frames(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Frames sorted along the normal of their common plane, those at one place together.

    Raises
    ------
    GeometryError
        Mixed orientation or pixel spacing, or directions that are not perpendicular unit vectors.
    """
    first = frames[0]
    normal = plane_normal(first.orientation)
    orientations = np.stack([frame.orientation for frame in frames])
    lean = np.abs(orientations - first.orientation).max(axis=1)
    if lean.max() > ORIENTATION_TOLERANCE:
        other = orientations[int(np.argmax(lean > ORIENTATION_TOLERANCE))]
        raise GeometryError(
            f"slices must share one orientation within {ORIENTATION_TOLERANCE}, "
            f"got {_rounded(first.orientation)} and {_rounded(other)}"
        )
    for spacing in {frame.pixel_spacing for frame in frames}:
        if not np.allclose(spacing, first.pixel_spacing, rtol=SPACING_TOLERANCE):
            raise GeometryError(
                f"slices must share one PixelSpacing, got {first.pixel_spacing} and {spacing}"
            )
    positions = np.stack([frame.position for frame in frames])
    order = np.argsort(positions @ normal, kind="stable")
    near = np.abs(np.diff(positions[order], axis=0)).max(axis=1) < SAME_PLACE_MM
    places = [[frames[order[0]]]]
    for index, is_near in zip(order[1:], near, strict=True):
        place = places[-1]
        if len(place) > 1:  # the first of a place counts, not the last
            is_near = np.abs(positions[index] - place[0].position).max() < SAME_PLACE_MM
        if is_near:
            place.append(frames[index])
        else:
            places.append([frames[index]])
    return places


def grid_affine(frames: Sequence[Frame]) -> NDArray[np.float64]:
    """Affine of sorted frames, one per place: voxel index (slice, row, column, 1) to LPS mm.

    A single slice takes its thickness as the distance between slices, 1 mm where none is said.

    Raises
    ------
    GeometryError
        A gap, unequal spacing, or slices that lean.
    """
    first = frames[0]
    normal = plane_normal(first.orientation)
    if len(frames) > 1:
        step = _regular_step(np.stack([frame.position for frame in frames]), normal)
    else:
        step = normal * (first.thickness or 1.0)
    affine = np.eye(4)
    affine[:3, 0] = step
    affine[:3, 1] = first.orientation[3:] * first.pixel_spacing[0]
    affine[:3, 2] = first.orientation[:3] * first.pixel_spacing[1]
    affine[:3, 3] = first.position
    return affine


def plane_normal(orientation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit normal of ImageOrientationPatient, row x column (PS3.3 C.7.6.2.1.1)."""
    row, column = orientation[:3], orientation[3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    off = max(abs(float(lengths[0]) - 1), abs(float(lengths[1]) - 1), abs(float(row @ column)))
    if not off < PERPENDICULAR_TOLERANCE:
        raise GeometryError(
            "ImageOrientationPatient must be two perpendicular unit vectors, "
            f"got {_rounded(orientation)}"
        )
    normal = np.cross(row, column)
    return np.asarray(normal / np.linalg.norm(normal), dtype=np.float64)


def _regular_step(
    positions: NDArray[np.float64], normal: NDArray[np.float64]
) -> NDArray[np.float64]:
    along = positions @ normal
    gaps = np.diff(along)
    usual = float(np.median(gaps))
    if usual < SAME_PLACE_MM:
        raise GeometryError(
            "slices must have places of their own along the normal, got some that are shifted "
            "within their plane"
        )
    tolerance = max(PLACE_TOLERANCE * abs(usual), PLACE_TOLERANCE_MM)
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    lean = float(np.linalg.norm(step - normal * (step @ normal)))
    if lean > PERPENDICULAR_TOLERANCE * float(np.linalg.norm(step)):
        raise GeometryError(
            "slices must be stacked along their normal, got a step of "
            f"{_rounded(step)} mm across the normal {_rounded(normal)}"
        )
    wide = np.flatnonzero(np.abs(gaps - usual) > tolerance)
    if wide.size:
        at = int(wide[0])
        missing = round(gaps[at] / usual) - 1
        what = f"{missing} missing" if missing > 0 else "an uneven distance"
        raise GeometryError(
            f"slices must be equally spaced within {tolerance:.3f} mm: {usual:.3f} mm is usual, "
            f"got {gaps[at]:.3f} mm between slices {at} and {at + 1} "
            f"({what}; {wide.size} such gaps)"
        )
    expected = positions[0] + np.arange(len(positions))[:, None] * step
    off = float(np.linalg.norm(positions - expected, axis=1).max())
    if off > 2 * tolerance:
        raise GeometryError(
            f"slices must lie on one regular line within {2 * tolerance:.3f} mm, "
            f"got {off:.3f} mm off"
        )
    return np.asarray(step, dtype=np.float64)


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [round(float(v), 4) for v in values]
