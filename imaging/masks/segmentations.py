"""The segments of a DICOM SEG on one regular grid (PS3.3 C.8.20)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.dicom.files.parsing import parsing
from imaging.dicom.pixels.pixels import decoded_frames
from imaging.dicom.series.series import MAX_VOXELS, SourceSeries
from imaging.dicom.values.frames import Frame, read_places
from imaging.dicom.values.grid import plane_normal, sort_frames
from imaging.dicom.values.raw_values import text, whole_number
from imaging.masks.placed import Mask
from imaging.masks.segments import choose_segments, read_segments, segment_of_frames
from imaging.remarks import Remarks
from imaging.volume import Volume
from metseg.errors import DicomError, GeometryError, ReferenceMaskError, SeriesError

SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP_SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"
"""Added in 2024 (Supplement 243): a pixel holds the number of its segment, grey or by a palette."""
_FULL = 255
"""Assumed where MaximumFractionalValue is not given."""
_MAX_SLICES = 1 << 14
_OFF_PLACE = 0.25  # of the distance between slices: further off, slices are irregular
_SAME_STEP = 1e-3  # of a voxel, in a step of one pixel: grids that differ by less are parallel

Affine = NDArray[np.float64]


def is_segmentation(dataset: Dataset) -> bool:
    """Whether a dataset is a DICOM segmentation of voxels."""
    kinds = (SEGMENTATION_STORAGE, LABEL_MAP_SEGMENTATION_STORAGE)
    return text(dataset, "SOPClassUID") in kinds


def lay_out(
    dataset: Dataset,
    *,
    beside: Volume | None = None,
    source: SourceSeries | None = None,
    names: Sequence[str] = (),
    remarks: Remarks | None = None,
) -> tuple[Mask, Affine]:
    """The union of the segments that count ``(Z, H, W)``, and the affine from (slice, row, column,
    1) to LPS mm. `imaging.masks.segments` says which these are.

    Places without a frame are empty. A few frames do not say how far slices are apart: see
    `_slice_spacing`.

    Parameters
    ----------
    beside
        The grid that the mask is to be compared on; its frames may lie on slices of it.
    source
        Where `beside` came from.
    names
        Patterns of the labels of segments that count, instead of the built-in words.
    remarks
        Receives a warning where segments are left out, or where segments of several kinds are
        pooled.

    Raises
    ------
    ReferenceMaskError
        It cannot be read, or its frames do not make a regular grid.
    """
    try:
        chosen = choose_segments(read_segments(dataset), names, remarks or Remarks())
        return _regular(dataset, beside, source, chosen)
    except (DicomError, GeometryError, SeriesError) as error:
        raise ReferenceMaskError(f"segmentation: {error}") from error


def _regular(
    dataset: Dataset,
    beside: Volume | None,
    source: SourceSeries | None,
    chosen: frozenset[int] | None,
) -> tuple[Mask, Affine]:
    places = sort_frames(read_places(dataset))
    first = places[0][0]
    normal = plane_normal(first.orientation)
    along = np.array([place[0].position @ normal for place in places])
    spacing = _slice_spacing(dataset, [place[0] for place in places], along, beside, source)
    index = (along - along[0]) / spacing
    if np.abs(index - np.rint(index)).max() > _OFF_PLACE or index[-1] >= _MAX_SLICES:
        raise GeometryError(f"slices must be regular, {spacing:.3f} mm apart")
    rows, columns = whole_number(dataset, "Rows"), whole_number(dataset, "Columns")
    shape = round(float(index[-1])) + 1, rows, columns
    if np.prod(shape, dtype=np.float64) > MAX_VOXELS:
        raise SeriesError(f"segmentation must hold at most {MAX_VOXELS} voxels, got {shape}")
    mask = np.zeros(shape, dtype=np.bool_)
    slices = {
        frame.number: z
        for z, place in zip(np.rint(index).astype(int), places, strict=True)
        for frame in place
    }
    for number, marked in enumerate(_marked(dataset, chosen), start=1):
        mask[slices[number]] |= marked
    affine = np.eye(4)
    affine[:3, 0] = normal * spacing
    affine[:3, 1:3] = _in_plane(first)
    affine[:3, 3] = first.position
    return mask, affine


def _slice_spacing(
    dataset: Dataset,
    frames: list[Frame],
    along: NDArray[np.float64],
    beside: Volume | None,
    source: SourceSeries | None,
) -> float:
    """The spacing of the slices that the frames lie on, where the header refers to their series;
    else SpacingBetweenSlices where the gaps are multiples of it; else that of slices with the same
    pixels, or below a single frame. SliceThickness is not a distance, and only the last resort.
    """
    on_slices = None if beside is None else _slices_below(frames, beside)
    if on_slices is not None and source is not None and _refers_to(dataset, source):
        return on_slices.spacing
    stated = _fitting(along, _stated(dataset, "SpacingBetweenSlices"))
    if stated is not None:
        return stated
    if on_slices is not None and (on_slices.same_pixels or along.size == 1):
        return on_slices.spacing
    thickness = _fitting(along, _stated(dataset, "SliceThickness"))
    if thickness is not None:
        return thickness
    return float(np.diff(along).min()) if along.size > 1 else 1.0


def _fitting(along: NDArray[np.float64], spacing: float) -> float | None:
    """A stated spacing, corrected by the positions, where all gaps are multiples of it; None
    otherwise.
    """
    if not spacing > 0:
        return None
    if along.size == 1:
        return spacing
    multiples = np.diff(along) / spacing
    if np.abs(multiples - np.rint(multiples)).max() >= _OFF_PLACE or multiples.min() <= 0.5:
        return None
    whole = float(along[-1] - along[0])
    return whole / round(whole / spacing)


def _stated(dataset: Dataset, keyword: str) -> float:
    """A length of the pixel measures that all frames share, or of the first frame; 0 where none is
    stated.
    """
    with parsing("pixel measures"):
        for sequence in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
            for group in (dataset.get(sequence) or ())[:1]:
                for measures in (group.get("PixelMeasuresSequence") or ())[:1]:
                    if found := text(measures, keyword):
                        return abs(float(found))
    return 0.0


def _refers_to(dataset: Dataset, source: SourceSeries) -> bool:
    with parsing("referenced series"):
        series = dataset.get("ReferencedSeriesSequence") or ()
        return source.series_instance_uid in {str(one.get("SeriesInstanceUID")) for one in series}


@dataclass(frozen=True, slots=True)
class _Below:
    """Slices that all frames lie on: their distance in mm, and whether the pixels are the same."""

    spacing: float
    same_pixels: bool


def _slices_below(frames: list[Frame], beside: Volume) -> _Below | None:
    """The slices of a volume, along any of its axes, that frames lie on; None where they do not."""
    to_index = np.linalg.inv(beside.affine)
    steps = to_index[:3, :3] @ _in_plane(frames[0])
    extent = np.abs(steps).sum(axis=1)
    axis = int(extent.argmin())
    positions = np.stack([frame.position for frame in frames])
    index = positions @ to_index[:3, :3].T + to_index[:3, 3]
    off = np.abs(index[:, axis] - np.rint(index[:, axis])).max()
    if extent[axis] > _SAME_STEP or off > _OFF_PLACE:
        return None
    others = [other for other in range(3) if other != axis]
    odd = np.abs(index[:, others] - np.rint(index[:, others])).max()
    whole = np.rint(steps[others])
    is_unit = (np.abs(whole).sum(axis=0) == 1).all() and (np.abs(whole).sum(axis=1) == 1).all()
    same = bool(is_unit and np.abs(steps[others] - whole).max() < _SAME_STEP and odd < _OFF_PLACE)
    return _Below(beside.spacing[axis], same_pixels=same)


def _in_plane(frame: Frame) -> NDArray[np.float64]:
    """Steps ``(3, 2)`` in LPS mm to the next row and the next column."""
    row, column = frame.pixel_spacing
    return np.stack([frame.orientation[3:] * row, frame.orientation[:3] * column], axis=1)


def _marked(dataset: Dataset, chosen: frozenset[int] | None) -> Iterator[Mask]:
    """What is marked of the `chosen` segments in each frame ``(H, W)``, one at a time: all of them
    may be a thousand times as large as the file. None chooses all.
    """
    with parsing("segmentation pixels"):
        kind = text(dataset, "SegmentationType").strip()
        is_label_map = kind == "LABELMAP"
        owners = [] if chosen is None or is_label_map else segment_of_frames(dataset)
        # PS3.3 C.8.20.2: segment 0 is background where there is one, padding is not a segment.
        background = [0, whole_number(dataset, "PixelPaddingValue")]
        for number, stored in enumerate(decoded_frames(dataset)):
            if chosen is not None and is_label_map:
                yield np.isin(stored, list(chosen))
            elif chosen is not None and owners[number] not in {0, *chosen}:
                yield np.zeros(stored.shape, dtype=np.bool_)
            elif kind == "FRACTIONAL":
                full = whole_number(dataset, "MaximumFractionalValue", _FULL)
                yield 2 * stored.astype(np.int32) >= full
            else:
                yield np.isin(stored, background, invert=True)
