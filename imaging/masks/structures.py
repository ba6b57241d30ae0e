"""Contours of a DICOM RT Structure Set, filled on the grid of a volume."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.dicom.files.parsing import parsing
from imaging.dicom.series.series import MAX_VOXELS
from imaging.dicom.values.raw_values import text
from imaging.masks.contours import PlaneContour, fill_plane
from imaging.masks.regions import Contour, choose_targets
from imaging.remarks import Remarks
from imaging.volume import Volume
from metseg.errors import ReferenceMaskError

RT_STRUCTURE_SET_STORAGE = "1.2.840.10008.5.1.4.1.1.481.3"

_FLAT = 0.25  # of a voxel, or of a mm: further off, a contour is not planar
_FARTHEST_MM = 10.0  # nobody draws a tumour in planes farther apart: they show two
_GAP = 1.5  # of the usual distance between contours: more is a gap
_OFF = 0.25  # of a slice: further off, contours are not drawn on the series' slices
_FINER = 4  # oblique contours are filled on a grid this much finer than the volume's
_ROUNDING = 1e-3  # of a voxel: what decimal strings leave open at the edge of a slab

Mask = NDArray[np.bool_]
Points = NDArray[np.float64]


def is_structure_set(dataset: Dataset) -> bool:
    """Whether a dataset is an RTSTRUCT."""
    return text(dataset, "SOPClassUID") == RT_STRUCTURE_SET_STORAGE


def structure_frames(dataset: Dataset) -> set[str]:
    """The frames of reference that a structure set is in."""
    top = {text(dataset, "FrameOfReferenceUID")}
    named = ("ReferencedFrameOfReferenceSequence", "FrameOfReferenceUID")
    regions = ("StructureSetROISequence", "ReferencedFrameOfReferenceUID")
    for sequence, keyword in (named, regions):
        top |= {text(item, keyword) for item in dataset.get(sequence) or ()}
    return top - {""}


def fill_structures(
    dataset: Dataset,
    volume: Volume,
    *,
    names: Sequence[str] = (),
    remarks: Remarks | None = None,
) -> Mask:
    """The target structures on the grid of a volume, ``(Z, H, W)``.

    `imaging.masks.regions.choose_targets` says which these are. Contours may lie in any plane, the
    same for one region; `imaging.masks.contours.fill_plane` says what those of a plane enclose. A
    voxel is in a region when its centre is within the contour nearest to it, at most half a contour
    distance away: what is not drawn between two contours stays empty.

    Parameters
    ----------
    names
        Patterns of the names of regions that count, instead of the built-in words.
    remarks
        Receives the choice, and a warning about each gap.

    Raises
    ------
    ReferenceMaskError
        There is no target with a closed planar contour, or contours are not planar or not parallel.
    """
    remarks = Remarks() if remarks is None else remarks
    with parsing("a structure set"):
        targets = choose_targets(dataset, names)
    remarks.notes += targets.notes
    stacks = [_stack(region.contours, volume) for region in targets.regions]
    distances = [stack.distance for stack in stacks if stack.distance is not None]
    laid = np.zeros(volume.shape, dtype=np.bool_)
    for region, stack in zip(targets.regions, stacks, strict=True):
        # A region of one contour is as thick as the others are.
        distance = stack.distance or min(distances, default=1.0)
        _lay(stack, volume, laid, reach=max(1.0, distance) / 2)
        if stack.missing:
            remarks.warnings.append(
                f"region {region.number} has gaps: {stack.missing} contours are missing between"
                " others, or enclose nothing, and it stays empty there"
            )
        if stack.off_slices > _OFF:
            remarks.notes.append(
                f"region {region.number} is drawn up to {stack.off_slices:.2f} of a slice off the"
                " slices of the series"
            )
    return laid


@dataclass(frozen=True, slots=True, eq=False)
class _Stack:
    """Contours of one region, filled plane by plane.

    `to_stack` maps LPS mm to (plane coordinate, row, column); `places` are the plane coordinates of
    `planes` ``(P, H, W)``, rising. `distance` is the usual one between planes that show the same
    lesion, None where none do; `missing` counts the planes that a gap would have room for.
    `off_slices` says how far a plane lies from the next slice of the volume, in slices, at most
    0.5; 0 for contours across its slices.
    """

    to_stack: NDArray[np.float64]
    places: NDArray[np.float64]
    planes: Mask
    distance: float | None
    missing: int
    off_slices: float


def _stack(contours: Sequence[Contour], volume: Volume) -> _Stack:
    outlines = [one.points for one in contours]
    frame = _native_frame(outlines, volume)
    if frame is None:
        frame = _oblique_frame(outlines, volume)
    to_stack: NDArray[np.float64] = np.linalg.inv(frame).astype(np.float64)
    flat = [points @ to_stack[:3, :3].T + to_stack[:3, 3] for points in outlines]
    corner = np.floor(np.min([points[:, 1:].min(axis=0) for points in flat], axis=0)) - 1
    far = np.ceil(np.max([points[:, 1:].max(axis=0) for points in flat], axis=0)) + 2
    heights = np.array([points[:, 0].mean() for points in flat])
    places = _distinct(heights)
    shape = len(places), int(far[0] - corner[0]), int(far[1] - corner[1])
    if np.prod(shape, dtype=np.float64) > MAX_VOXELS:
        raise ReferenceMaskError(f"contours must span at most {MAX_VOXELS} voxels, got {shape}")
    in_plane: list[list[PlaneContour]] = [[] for _ in places]
    for one, points, height in zip(contours, flat, heights, strict=True):
        place = int(np.abs(places - height).argmin())
        in_plane[place].append(PlaneContour(points[:, 1:] - corner, one.exclusive))
    planes = np.stack([fill_plane(one, shape[1:]) for one in in_plane])
    to_stack[1:3, 3] -= corner
    filled = planes.any(axis=(1, 2))
    if filled.any():
        places, planes = places[filled], planes[filled]
    farthest = _FARTHEST_MM / float(np.linalg.norm(frame[:3, 0]))
    distance, missing = _distance(places, planes, farthest)
    return _Stack(to_stack, places, planes, distance, missing, _off_slices(frame, places, volume))


def _off_slices(frame: NDArray[np.float64], places: NDArray[np.float64], volume: Volume) -> float:
    """How far planes lie from the slices of a volume, in slices; 0 where the planes run across
    them.
    """
    if not np.array_equal(frame[:, [0, 3]], volume.affine[:, [0, 3]]):
        return 0.0
    return float(np.abs(places - np.rint(places)).max())


def _distance(
    places: NDArray[np.float64], planes: Mask, farthest: float
) -> tuple[float | None, int]:
    """The usual distance between planes that overlap, and how many planes are missing where the
    distance is larger.
    """
    steps = np.diff(places)
    is_one = np.array([bool((a & b).any()) for a, b in pairwise(planes)], dtype=np.bool_)
    near = steps[is_one & (steps <= farthest)]
    if not near.size:
        return None, 0
    usual = float(np.sort(near)[(near.size - 1) // 2])
    wide = steps[is_one & (steps > _GAP * max(usual, 1.0))]
    return usual, int(np.rint(wide / max(usual, 1.0) - 1).sum())


def _native_frame(contours: Sequence[Points], volume: Volume) -> NDArray[np.float64] | None:
    """The volume's own axes with that first along which every contour is flat; None where there is
    no such axis.
    """
    inverse = np.linalg.inv(volume.affine)
    index = [points @ inverse[:3, :3].T + inverse[:3, 3] for points in contours]
    spread = np.max([np.ptp(points, axis=0) for points in index], axis=0)
    axis = int(spread.argmin())
    if spread[axis] > _FLAT:
        return None
    others = [other for other in range(3) if other != axis]
    return np.asarray(volume.affine[:, [axis, *others, 3]], dtype=np.float64)


def _oblique_frame(contours: Sequence[Points], volume: Volume) -> NDArray[np.float64]:
    """Axes of the contours' own plane: across it in the finest spacing of the volume, and in it
    finer.

    Raises `ReferenceMaskError` where a contour is not planar, or not parallel to the largest one.
    """
    areas = [_area_vector(points) for points in contours]
    largest = areas[int(np.argmax([np.linalg.norm(area) for area in areas]))]
    length = float(np.linalg.norm(largest))
    if length == 0:
        raise ReferenceMaskError("contours must enclose an area")
    normal = largest / length
    off = max(float(np.ptp(points @ normal)) for points in contours)
    if off > _FLAT:
        raise ReferenceMaskError(
            f"contours of a region must be planar and parallel within {_FLAT} mm, got {off:.2f} mm"
        )
    helper = np.eye(3)[int(np.abs(normal).argmin())]
    along = np.cross(normal, helper)
    along /= np.linalg.norm(along)
    spacing = min(volume.spacing)
    frame = np.eye(4)
    frame[:3, 0] = normal * spacing
    frame[:3, 1] = along * spacing / _FINER
    frame[:3, 2] = np.cross(normal, along) * spacing / _FINER
    return frame


def _area_vector(points: Points) -> NDArray[np.float64]:
    """Newell's method: normal to the polygon, twice its area long."""
    centred = points - points.mean(axis=0)
    return np.asarray(np.cross(centred, np.roll(centred, -1, axis=0)).sum(axis=0))


def _distinct(heights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rising plane coordinates, those within a quarter of a voxel being one."""
    rising = np.sort(heights)
    new = np.concatenate([[True], np.diff(rising) > _FLAT])
    return np.asarray(rising[new])


def _lay(stack: _Stack, volume: Volume, laid: Mask, *, reach: float) -> None:
    """Add to `laid` the voxels whose centres fall into the stack, at most `reach` from a plane."""
    to_stack = stack.to_stack @ volume.affine
    rows, columns = np.arange(volume.shape[1]), np.arange(volume.shape[2])
    in_plane = [m[1] * rows[:, None] + m[2] * columns[None, :] + m[3] for m in to_stack[:3]]
    between = (stack.places[1:] + stack.places[:-1]) / 2
    _, height, width = stack.planes.shape
    for z in range(volume.shape[0]):
        across, row, column = (
            plane + m[0] * z for plane, m in zip(in_plane, to_stack[:3], strict=True)
        )
        across += _ROUNDING  # a voxel half-way between two planes belongs to the upper one
        nearest = np.searchsorted(between, across, side="right")
        off = across - stack.places[nearest]
        row, column = np.rint(row).astype(np.intp), np.rint(column).astype(np.intp)
        near = (off >= -reach) & (off < reach)
        near &= (row >= 0) & (row < height) & (column >= 0) & (column < width)
        laid[z][near] |= stack.planes[nearest[near], row[near], column[near]]
