"""Reference segmentations, laid on the grid of a volume by geometry."""

import zlib
from collections.abc import Collection
from pathlib import Path

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.frames import Frame, read_frames
from imaging.grid import plane_normal, sort_frames
from imaging.headers import OWN_MANUFACTURER
from imaging.parsing import MAX_FILE_BYTES, parsing, read_dataset
from imaging.series import MAX_VOXELS, SourceSeries
from imaging.volume import Volume
from metseg.errors import DicomError, GeometryError, ReferenceMaskError, SeriesError

SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP_SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"
_MAX_SLICES = 1 << 14
_OFF_PLACE = 0.25  # of the distance between slices: further off, slices are irregular

Mask = NDArray[np.bool_]


def is_segmentation(dataset: Dataset) -> bool:
    """Whether a dataset is a DICOM segmentation of voxels."""
    kinds = (SEGMENTATION_STORAGE, LABEL_MAP_SEGMENTATION_STORAGE)
    return dataset.get("SOPClassUID") in kinds


def is_own_segmentation(dataset: Dataset) -> bool:
    """Whether a segmentation was written by us, and so is a result and no reference."""
    return is_segmentation(dataset) and dataset.get("Manufacturer") == OWN_MANUFACTURER


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
    voxel of the reference.

    Parameters
    ----------
    reference
        A file, NIfTI by its name (``.nii``, ``.nii.gz``) and DICOM otherwise; or a DICOM SEG with
        its pixels.
    source
        Where the volume came from; its frame of reference must be that of a DICOM SEG.

    Returns
    -------
    ``(Z, H, W)``.

    Raises
    ------
    ReferenceMaskError
        Not a segmentation, one of our own, another frame of reference, irregular, or all of it
        outside the volume.
    """
    if isinstance(reference, Path) and reference.name.endswith((".nii", ".nii.gz")):
        mask, affine = _read_nifti(reference, labels, max_bytes)
    else:
        mask, affine = _read_seg(reference, source, max_bytes)
    laid = sample_nearest(mask, affine, volume)
    if mask.any() and not laid.any():
        raise ReferenceMaskError("reference must lie in the volume, got all of it outside")
    return laid


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


def _read_seg(
    reference: Path | Dataset, source: SourceSeries | None, max_bytes: int
) -> tuple[Mask, NDArray[np.float64]]:
    dataset = _read_segmentation(reference, max_bytes)
    _check_segmentation(dataset, source)
    try:
        return _lay_out(dataset)
    except (DicomError, GeometryError, SeriesError) as error:
        raise ReferenceMaskError(f"reference: {error}") from error


def _read_segmentation(reference: Path | Dataset, max_bytes: int) -> Dataset:
    if isinstance(reference, Dataset):
        return reference
    try:
        return read_dataset(reference, pixels=True, max_bytes=max_bytes)
    except DicomError as error:
        raise ReferenceMaskError(f"reference: {error}") from error


def _check_segmentation(dataset: Dataset, source: SourceSeries | None) -> None:
    if not is_segmentation(dataset):
        raise ReferenceMaskError("reference must be a DICOM SEG")
    if is_own_segmentation(dataset):
        raise ReferenceMaskError("reference must not be a segmentation of our own")
    theirs = dataset.get("FrameOfReferenceUID")
    ours = source.datasets[0].get("FrameOfReferenceUID") if source is not None else None
    if theirs and ours and theirs != ours:
        raise ReferenceMaskError("reference must have the FrameOfReferenceUID of the series")


def _lay_out(dataset: Dataset) -> tuple[Mask, NDArray[np.float64]]:
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
    pixels = _pixels(dataset)
    mask = np.zeros(shape, dtype=np.bool_)
    for z, place in zip(np.rint(index).astype(int), places, strict=True):
        for frame in place:
            mask[z] |= pixels[frame.number - 1]
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
            return float(along[-1] - along[0]) / round(
                float((along[-1] - along[0]) / first.thickness)
            )
    return smallest


def _pixels(dataset: Dataset) -> Mask:
    """``(F, H, W)``: what is marked in each frame."""
    with parsing("segmentation pixels"):
        stored = dataset.pixel_array.reshape(-1, int(dataset.Rows), int(dataset.Columns))
        if dataset.get("SegmentationType") == "FRACTIONAL":
            return np.asarray(2 * stored.astype(np.int32) >= int(dataset.MaximumFractionalValue))
    return np.asarray(stored != 0)


def _read_nifti(
    path: Path, labels: Collection[int] | None, max_bytes: int
) -> tuple[Mask, NDArray[np.float64]]:
    """Mask and affine in our order: NIfTI indexes (column, row, slice) and maps to RAS."""
    try:
        if path.stat().st_size > max_bytes:
            raise ReferenceMaskError(f"reference must be at most {max_bytes} bytes")
        image = nibabel.load(path)
        if len(image.shape) != 3 or np.prod(image.shape, dtype=np.float64) > MAX_VOXELS:
            raise ReferenceMaskError(
                f"reference must be three-dimensional with at most {MAX_VOXELS} voxels, "
                f"got {image.shape}"
            )
        values = np.asarray(image.dataobj)
    except (ImageFileError, ValueError, EOFError, zlib.error) as error:
        raise ReferenceMaskError(
            f"reference must be valid NIfTI, the reader gave {type(error).__name__}"
        ) from None
    mask = np.isin(values, list(labels)) if labels is not None else values != 0
    ras_to_lps = np.diag([-1.0, -1.0, 1.0, 1.0])
    affine = (ras_to_lps @ np.asarray(image.affine, dtype=np.float64))[:, [2, 1, 0, 3]]
    return np.ascontiguousarray(mask.T), affine
