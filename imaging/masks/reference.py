"""Segmentations from files: on their own grid, or laid on that of a volume by geometry."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.dicom.files.headers import OWN_MANUFACTURER
from imaging.dicom.files.parsing import MAX_FILE_BYTES, parsing, read_dataset
from imaging.dicom.series.series import SourceSeries
from imaging.dicom.values.raw_values import text
from imaging.masks.nifti.mask import is_nifti, read_nifti
from imaging.masks.placed import Mask, PlacedMask, grid_corners, sample_nearest, share_inside
from imaging.masks.segmentations import is_segmentation, lay_out
from imaging.masks.structures import fill_structures, is_structure_set, structure_frames
from imaging.remarks import Remarks
from imaging.volume import Volume
from metseg.errors import DicomError, ReferenceMaskError

__all__ = ["PlacedMask", "read_mask", "read_reference", "sample_nearest"]

_LEAST_INSIDE = 0.9  # of a NIfTI mask


def read_reference(
    reference: Path | Dataset,
    volume: Volume,
    source: SourceSeries | None = None,
    *,
    labels: Collection[int] | None = None,
    regions: Sequence[str] = (),
    remarks: Remarks | None = None,
    max_bytes: int = MAX_FILE_BYTES,
) -> Mask:
    """Lay a reference segmentation on the grid of a volume.

    DICOM SEG (binary, fractional from one half on, label map): the union of the segments that
    `imaging.masks.segments.choose_segments` takes. NIfTI: everything above 0, or the `labels`
    given. Where the grids differ, each voxel takes the nearest voxel of the reference. RTSTRUCT:
    `imaging.masks.structures.fill_structures`.

    Parameters
    ----------
    reference
        A file, NIfTI by its content and DICOM otherwise; or a DICOM SEG with its pixels, or an
        RTSTRUCT.
    source
        Where the volume came from; its frame of reference must be that of a DICOM SEG or RTSTRUCT.
    regions
        Patterns of the names of regions of an RTSTRUCT, or labels of segments of a SEG, that count,
        instead of the built-in words.
    remarks
        Receives what was taken for the reference, and what in it is doubtful.

    Returns
    -------
    ``(Z, H, W)``.

    Raises
    ------
    ReferenceMaskError
        Not a segmentation, one of our own, in another frame of reference, irregular, or wholly
        outside the volume. A NIfTI, which names no frame of reference, is refused when more than a
        tenth of it is outside.
    """
    if isinstance(reference, Path) and is_nifti(reference):
        mask, affine = read_nifti(
            reference, labels=labels, beside=volume, max_bytes=max_bytes, remarks=remarks
        )
        _check_inside(mask, affine, volume)
        if remarks is not None and _is_off_grid(mask, affine, volume):
            remarks.warnings.append(
                "the mask has as many voxels as the series but another grid: it may be misplaced"
            )
        return sample_nearest(mask, affine, volume)
    dataset = _read_segmentation(reference, max_bytes)
    with parsing("a reference"):
        _check_reference(dataset, source)
    if is_structure_set(dataset):
        laid = fill_structures(dataset, volume, names=regions, remarks=remarks)
        any_marked = True
    else:
        mask, affine = lay_out(
            dataset, beside=volume, source=source, names=regions, remarks=remarks
        )
        laid, any_marked = sample_nearest(mask, affine, volume), bool(mask.any())
    if any_marked and not laid.any():
        raise ReferenceMaskError("reference must lie in the volume, got all of it outside")
    return laid


def read_mask(
    path: Path,
    *,
    labels: Collection[int] | None = None,
    beside: Volume | None = None,
    max_bytes: int = MAX_FILE_BYTES,
) -> PlacedMask:
    """Read a segmentation, also one of our own, on its own grid.

    Files and `labels` are those of `read_reference`; `beside` is the grid that it is to be compared
    on.

    Raises
    ------
    ReferenceMaskError
        Not a segmentation, or irregular.
    """
    remarks = Remarks()
    if is_nifti(path):
        mask, affine = read_nifti(
            path, labels=labels, beside=beside, max_bytes=max_bytes, remarks=remarks
        )
        return PlacedMask(mask, affine, warnings=tuple(remarks.warnings))
    dataset = _read_segmentation(path, max_bytes)
    if not is_segmentation(dataset):
        raise ReferenceMaskError("segmentation must be a DICOM SEG or NIfTI")
    mask, affine = lay_out(dataset, beside=beside, remarks=remarks)
    frame = text(dataset, "FrameOfReferenceUID")
    return PlacedMask(mask, affine, frame, tuple(remarks.warnings))


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
        theirs = {text(dataset, "FrameOfReferenceUID")} - {""}
    ours = source.frame_of_reference_uid if source is not None else ""
    if theirs and ours and ours not in theirs:
        raise ReferenceMaskError("reference must have the FrameOfReferenceUID of the series")


def _is_off_grid(mask: Mask, affine: NDArray[np.float64], volume: Volume) -> bool:
    """Whether a mask has the shape of a volume, turned perhaps, and its corners lie elsewhere."""
    if sorted(mask.shape) != sorted(volume.shape):
        return False
    corners = grid_corners(mask.shape) @ affine[:3, :3].T + affine[:3, 3]
    own = volume.to_lps(grid_corners(volume.shape))
    apart = np.linalg.norm(corners[:, None] - own[None], axis=2)
    return bool(apart.min(axis=1).max() > max(volume.spacing))


def _check_inside(mask: Mask, affine: NDArray[np.float64], volume: Volume) -> None:
    """Without a frame of reference, a mask of another head would lie somewhere else."""
    inside = share_inside(mask, affine, volume)
    if inside < _LEAST_INSIDE:
        raise ReferenceMaskError(
            f"at least {_LEAST_INSIDE:.0%} of a reference must lie in the volume, got {inside:.0%}"
        )
