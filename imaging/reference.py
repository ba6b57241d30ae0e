"""Segmentations from files: on the grid they have, or laid on that of a volume by geometry."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.frames import Frame, read_frames
from imaging.grid import plane_normal, sort_frames
from imaging.headers import OWN_MANUFACTURER
from imaging.nifti_header import nifti_bytes_of, read_nifti_header
from imaging.parsing import MAX_FILE_BYTES, parsing, read_dataset
from imaging.pixels import decoded_frames
from imaging.series import MAX_VOXELS, SourceSeries
from imaging.structures import fill_structures, is_structure_set, structure_frames
from imaging.volume import Volume
from metseg.errors import DicomError, GeometryError, ReferenceMaskError, SeriesError

SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP_SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"
_MAX_SLICES = 1 << 14
_MAX_NIFTI_BYTES = 1 << 29  # a whole head at 0.5 mm as float32, more than any mask needs
_LEAST_INSIDE = 0.9  # of a NIfTI mask
_OFF_PLACE = 0.25  # of the distance between slices: further off, slices are irregular

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


def is_segmentation(dataset: Dataset) -> bool:
    """Whether a dataset is a DICOM segmentation of voxels."""
    kinds = (SEGMENTATION_STORAGE, LABEL_MAP_SEGMENTATION_STORAGE)
    return dataset.get("SOPClassUID") in kinds


def read_reference(
    reference: Path | Dataset,
    volume: Volume,
    source: SourceSeries | None = None,
    *,
    labels: Collection[int] | None = None,
    max_bytes: int = MAX_FILE_BYTES,
) -> Mask:
    """Lay a reference segmentation on the grid of a volume.

    DICOM SEG (binary, fractional from one half on, label map): the union of all segments. NIfTI:
    everything but 0, or the `labels` given. Where the grids differ, each voxel takes the nearest
    voxel of the reference. RTSTRUCT: `imaging.structures.fill_structures`.

    Parameters
    ----------
    reference
        A file, NIfTI by its content and DICOM otherwise; or a DICOM SEG with its pixels, or an
        RTSTRUCT.
    source
        Where the volume came from; its frame of reference must be that of a DICOM SEG or RTSTRUCT.

    Returns
    -------
    ``(Z, H, W)``.

    Raises
    ------
    ReferenceMaskError
        Not a segmentation, one of our own, another frame of reference, irregular, or all of it
        outside the volume; of a NIfTI, that names no frame of reference, any tenth of it.
    """
    if isinstance(reference, Path) and is_nifti(reference):
        mask, affine = _read_nifti(reference, labels, max_bytes)
        _check_inside(mask, affine, volume)
        return sample_nearest(mask, affine, volume)
    dataset = _read_segmentation(reference, max_bytes)
    _check_reference(dataset, source)
    if is_structure_set(dataset):
        laid, any_marked = fill_structures(dataset, volume), True
    else:
        mask, affine = _lay_out(dataset)
        laid, any_marked = sample_nearest(mask, affine, volume), bool(mask.any())
    if any_marked and not laid.any():
        raise ReferenceMaskError("reference must lie in the volume, got all of it outside")
    return laid


def is_nifti(path: Path) -> bool:
    """Whether a file is NIfTI-1 or -2, plain or gzipped, by its first bytes.

    Raises
    ------
    OSError
        The file cannot be opened.
    """
    return read_nifti_header(path) is not None


def read_mask(
    path: Path, *, labels: Collection[int] | None = None, max_bytes: int = MAX_FILE_BYTES
) -> PlacedMask:
    """Read a segmentation, one of our own too, on the grid it has.

    Files and `labels` are those of `read_reference`.

    Raises
    ------
    ReferenceMaskError
        Not a segmentation, or irregular.
    """
    if is_nifti(path):
        return PlacedMask(*_read_nifti(path, labels, max_bytes))
    dataset = _read_segmentation(path, max_bytes)
    if not is_segmentation(dataset):
        raise ReferenceMaskError("segmentation must be a DICOM SEG or NIfTI")
    return PlacedMask(*_lay_out(dataset), dataset.get("FrameOfReferenceUID"))


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


def _read_segmentation(reference: Path | Dataset, max_bytes: int) -> Dataset:
    if isinstance(reference, Dataset):
        return reference
    try:
        return read_dataset(reference, pixels=True, max_bytes=max_bytes)
    except DicomError as error:
        raise ReferenceMaskError(f"segmentation: {error}") from error


def _check_reference(dataset: Dataset, source: SourceSeries | None) -> None:
    if not (is_segmentation(dataset) or is_structure_set(dataset)):
        raise ReferenceMaskError("reference must be a DICOM SEG, an RTSTRUCT or NIfTI")
    if dataset.get("Manufacturer") == OWN_MANUFACTURER:
        raise ReferenceMaskError("reference must not be a segmentation of our own")
    if is_structure_set(dataset):
        theirs = structure_frames(dataset)
    else:
        theirs = {str(dataset.get("FrameOfReferenceUID") or "")} - {""}
    ours = source.datasets[0].get("FrameOfReferenceUID") if source is not None else None
    if theirs and ours and ours not in theirs:
        raise ReferenceMaskError("reference must have the FrameOfReferenceUID of the series")


def _check_inside(mask: Mask, affine: NDArray[np.float64], volume: Volume) -> None:
    """Without a frame of reference, a mask of another head would lie somewhere else."""
    marked = np.argwhere(mask)
    if not len(marked):
        return
    to_volume = np.linalg.inv(volume.affine) @ affine
    index = marked @ to_volume[:3, :3].T + to_volume[:3, 3]
    inside = ((index >= -0.5) & (index <= np.array(volume.shape) - 0.5)).all(axis=1).mean()
    if inside < _LEAST_INSIDE:
        raise ReferenceMaskError(
            f"reference must lie in the volume to {_LEAST_INSIDE:.0%}, got {inside:.0%}"
        )


def _lay_out(dataset: Dataset) -> tuple[Mask, NDArray[np.float64]]:
    try:
        return _regular(dataset)
    except (DicomError, GeometryError, SeriesError) as error:
        raise ReferenceMaskError(f"segmentation: {error}") from error


def _regular(dataset: Dataset) -> tuple[Mask, NDArray[np.float64]]:
    """All segments on one regular grid; places without a frame are empty."""
    places = sort_frames(read_frames([dataset]))
    first = places[0][0]
    normal = plane_normal(first.orientation)
    along = np.array([place[0].position @ normal for place in places])
    spacing = _slice_spacing(along, first)
    index = (along - along[0]) / spacing
    if np.abs(index - np.rint(index)).max() > _OFF_PLACE or index[-1] >= _MAX_SLICES:
        raise GeometryError(f"slices must be regular, {spacing:.3f} mm apart")
    shape = round(float(index[-1])) + 1, int(dataset.Rows), int(dataset.Columns)
    if np.prod(shape, dtype=np.float64) > MAX_VOXELS:
        raise SeriesError(f"segmentation must hold at most {MAX_VOXELS} voxels, got {shape}")
    mask = np.zeros(shape, dtype=np.bool_)
    slices = {
        frame.number: z
        for z, place in zip(np.rint(index).astype(int), places, strict=True)
        for frame in place
    }
    for number, marked in enumerate(_marked(dataset), start=1):
        mask[slices[number]] |= marked
    affine = np.eye(4)
    affine[:3, 0] = normal * spacing
    affine[:3, 1] = first.orientation[3:] * first.pixel_spacing[0]
    affine[:3, 2] = first.orientation[:3] * first.pixel_spacing[1]
    affine[:3, 3] = first.position
    return mask, affine


def _slice_spacing(along: NDArray[np.float64], first: Frame) -> float:
    """What the header says where the gaps are multiples of it; otherwise the smallest gap."""
    if along.size == 1:
        return first.thickness or 1.0
    smallest = float(np.diff(along).min())
    if first.thickness > 0:
        multiples = np.diff(along) / first.thickness
        if np.abs(multiples - np.rint(multiples)).max() < _OFF_PLACE and multiples.min() > 0.5:
            whole = float(along[-1] - along[0])
            return whole / round(whole / first.thickness)
    return smallest


def _marked(dataset: Dataset) -> Iterator[Mask]:
    """What is marked in each frame ``(H, W)``, one at a time: all of them may be a thousand times
    as large as the file.
    """
    with parsing("segmentation pixels"):
        is_fractional = dataset.get("SegmentationType") == "FRACTIONAL"
        # PS3.3 C.8.20.2: segment 0 is background where there is one, padding is no segment.
        background = {0, int(dataset.get("PixelPaddingValue") or 0)}
        for stored in decoded_frames(dataset):
            if is_fractional:
                yield 2 * stored.astype(np.int32) >= int(dataset.MaximumFractionalValue)
            else:
                yield np.isin(stored, list(background), invert=True)


def _nifti_shape(path: Path) -> tuple[int, ...]:
    header = read_nifti_header(path)
    found = header.shape if header else ()
    shape = found[:3] + tuple(n for n in found[3:] if n > 1)
    if len(shape) != 3 or np.prod(shape, dtype=np.float64) > MAX_VOXELS:
        raise ReferenceMaskError(
            f"segmentation must be three-dimensional with at most {MAX_VOXELS} voxels, got {shape}"
        )
    return shape


def _read_nifti(
    path: Path, labels: Collection[int] | None, max_bytes: int
) -> tuple[Mask, NDArray[np.float64]]:
    """Mask and affine in our order: NIfTI indexes (column, row, slice) and maps to RAS."""
    shape = _nifti_shape(path)  # before it is inflated, a thousand times perhaps
    header, content = nifti_bytes_of(path, max_bytes=min(max_bytes, _MAX_NIFTI_BYTES))
    try:
        kind = nibabel.Nifti1Image if header.version == 1 else nibabel.Nifti2Image
        image = kind.from_bytes(content)
        values = np.asarray(image.dataobj).reshape(shape)
    except (ImageFileError, ValueError, EOFError, HeaderDataError) as error:
        raise ReferenceMaskError(
            f"segmentation must be valid NIfTI, the reader gave {type(error).__name__}"
        ) from None
    if not (int(image.header["sform_code"]) or int(image.header["qform_code"])):
        raise ReferenceMaskError("segmentation must say where it lies, by its sform or qform")
    if values.dtype.kind not in "biuf":
        raise ReferenceMaskError("segmentation must hold whole numbers, got another type")
    if values.dtype.kind == "f" and not np.array_equal(values, np.rint(values)):
        raise ReferenceMaskError("segmentation must hold whole numbers, got fractions")
    mask = np.isin(values, list(labels)) if labels is not None else values != 0
    ras_to_lps = np.diag([-1.0, -1.0, 1.0, 1.0])
    affine = (ras_to_lps @ np.asarray(image.affine, dtype=np.float64))[:, [2, 1, 0, 3]]
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise ReferenceMaskError("segmentation must have an affine that can be inverted")
    return np.ascontiguousarray(mask.T), affine
