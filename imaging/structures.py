"""Contours of a DICOM RT Structure Set, filled on the grid of a volume."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.parsing import parsing
from imaging.series import MAX_VOXELS
from imaging.volume import Volume
from metseg.errors import ReferenceMaskError

RT_STRUCTURE_SET_STORAGE = "1.2.840.10008.5.1.4.1.1.481.3"

_CLOSED = frozenset({"CLOSED_PLANAR", "CLOSEDPLANAR_XOR"})  # PS3.3 C.8.8.6.3
_TARGET = "GTV"
_TARGET_NAMES = re.compile(r"gtv|(?<![a-z])mets?(?![a-z])|metas|lesion|tumou?r", re.IGNORECASE)
_UNTYPED = frozenset({"", "UNDEFINED", "NONE"})
_FLAT = 0.25  # of a voxel, or of a mm: further off, a contour is not planar
_FINER = 4  # oblique contours are filled on a grid this much finer than the volume's
_ROUNDING = 1e-3  # of a voxel: what decimal strings leave open at the edge of a slab

Mask = NDArray[np.bool_]
Points = NDArray[np.float64]


def is_structure_set(dataset: Dataset) -> bool:
    """Whether a dataset is an RTSTRUCT."""
    return bool(dataset.get("SOPClassUID") == RT_STRUCTURE_SET_STORAGE)


def structure_frames(dataset: Dataset) -> set[str]:
    """The frames of reference that a structure set is in."""
    top = {str(dataset.get("FrameOfReferenceUID") or "")}
    named = ("ReferencedFrameOfReferenceSequence", "FrameOfReferenceUID")
    regions = ("StructureSetROISequence", "ReferencedFrameOfReferenceUID")
    for sequence, keyword in (named, regions):
        top |= {str(item.get(keyword) or "") for item in dataset.get(sequence) or ()}
    return top - {""}


def fill_structures(dataset: Dataset, volume: Volume) -> Mask:
    """The target structures on the grid of a volume, ``(Z, H, W)``.

    Targets are the regions of type GTV; without any, those named like a tumour (GTV, met, lesion,
    tumour); without any, all that have no type. Never organs, margins (CTV, PTV) or the outline of
    the patient.

    Contours may lie in any plane, the same for one region. A voxel is in a region when its centre
    is within the contour nearest to it, at most half a contour distance away. Several contours in
    a plane are joined by XOR, so that one within another is a hole.

    Raises
    ------
    ReferenceMaskError
        No target with a closed planar contour, contours that are not planar or not parallel.
    """
    with parsing("a structure set"):
        regions = [_contours(item) for item in _targets(dataset)]
    regions = [contours for contours in regions if contours]
    if not regions:
        raise ReferenceMaskError("structure set must have a target with closed planar contours")
    stacks = [_stack(contours, volume) for contours in regions]
    distances = [stack.distance for stack in stacks if stack.distance is not None]
    laid = np.zeros(volume.shape, dtype=np.bool_)
    for stack in stacks:
        # A region of one contour is as thick as the others are.
        distance = stack.distance or min(distances, default=1.0)
        _lay(stack, volume, laid, reach=max(1.0, distance) / 2)
    return laid


def _targets(dataset: Dataset) -> Iterable[Dataset]:
    types = {
        int(item.ReferencedROINumber): str(item.get("RTROIInterpretedType") or "").upper()
        for item in dataset.get("RTROIObservationsSequence") or ()
    }
    names = {
        int(item.ROINumber): str(item.get("ROIName") or "")
        for item in dataset.get("StructureSetROISequence") or ()
    }
    untyped = {number for number in names if types.get(number, "") in _UNTYPED}
    wanted = (
        {number for number in names if types.get(number) == _TARGET}
        or {number for number in untyped if _TARGET_NAMES.search(names[number])}
        or untyped
    )
    regions = dataset.get("ROIContourSequence") or ()
    return (item for item in regions if int(item.ReferencedROINumber) in wanted)


def _contours(region: Dataset) -> list[Points]:
    """Closed contours, each ``(N, 3)`` in LPS mm; points and open lines enclose nothing."""
    found = []
    for contour in region.get("ContourSequence") or ():
        if contour.get("ContourGeometricType") not in _CLOSED:
            continue
        points = np.array([float(v) for v in contour.ContourData]).reshape(-1, 3)
        if not np.isfinite(points).all():
            raise ReferenceMaskError("contours must be finite")
        if len(points) >= 3:
            found.append(points)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Stack:
    """Contours of one region, filled plane by plane.

    `to_stack` maps LPS mm to (plane coordinate, row, column); `places` are the plane coordinates of
    `planes` ``(P, H, W)``, rising, and `distance` the least between them, None with a single one.
    """

    to_stack: NDArray[np.float64]
    places: NDArray[np.float64]
    planes: Mask

    @property
    def distance(self) -> float | None:
        return float(np.diff(self.places).min()) if self.places.size > 1 else None


def _stack(contours: Sequence[Points], volume: Volume) -> _Stack:
    frame = _native_frame(contours, volume)
    if frame is None:
        frame = _oblique_frame(contours, volume)
    to_stack: NDArray[np.float64] = np.linalg.inv(frame).astype(np.float64)
    flat = [points @ to_stack[:3, :3].T + to_stack[:3, 3] for points in contours]
    corner = np.floor(np.min([points[:, 1:].min(axis=0) for points in flat], axis=0)) - 1
    far = np.ceil(np.max([points[:, 1:].max(axis=0) for points in flat], axis=0)) + 2
    heights = np.array([points[:, 0].mean() for points in flat])
    places = _distinct(heights)
    shape = len(places), int(far[0] - corner[0]), int(far[1] - corner[1])
    if np.prod(shape, dtype=np.float64) > MAX_VOXELS:
        raise ReferenceMaskError(f"contours must span at most {MAX_VOXELS} voxels, got {shape}")
    planes = np.zeros(shape, dtype=np.bool_)
    for points, height in zip(flat, heights, strict=True):
        planes[np.abs(places - height).argmin()] ^= _fill(points[:, 1:] - corner, shape[1:])
    to_stack[1:3, 3] -= corner
    return _Stack(to_stack, places, planes)


def _native_frame(contours: Sequence[Points], volume: Volume) -> NDArray[np.float64] | None:
    """The volume's own axes with that first along which every contour is flat; None without."""
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


def _fill(corners: NDArray[np.float64], shape: tuple[int, int]) -> Mask:
    """Pixels ``(H, W)`` whose centre lies in a polygon of (row, column) corners, by even-odd.

    Each side toggles what is right of it in the rows that it spans.
    """
    toggles = np.zeros((shape[0], shape[1] + 1), dtype=np.bool_)
    for (y0, x0), (y1, x1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        low, high = sorted((y0, y1))
        rows = np.arange(int(np.ceil(low)), int(np.ceil(high)))
        if rows.size:
            crossing = x0 + (rows - y0) * ((x1 - x0) / (y1 - y0))
            toggles[rows, np.ceil(crossing).astype(np.intp)] ^= True
    return np.asarray(np.logical_xor.accumulate(toggles, axis=1)[:, :-1])


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
        across += _ROUNDING  # half-way between two, a voxel is the upper one's
        nearest = np.searchsorted(between, across, side="right")
        off = across - stack.places[nearest]
        row, column = np.rint(row).astype(np.intp), np.rint(column).astype(np.intp)
        near = (off >= -reach) & (off < reach)
        near &= (row >= 0) & (row < height) & (column >= 0) & (column < width)
        laid[z][near] |= stack.planes[nearest[near], row[near], column[near]]
