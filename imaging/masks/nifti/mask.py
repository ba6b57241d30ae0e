"""Masks from NIfTI files: which labels count, and where the grid lies."""

from collections.abc import Collection
from pathlib import Path

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from imaging.boxes import bounding_box
from imaging.connected import connected
from imaging.dicom.series.series import MAX_VOXELS
from imaging.masks.nifti.header import nifti_bytes_of, read_nifti_header
from imaging.masks.nifti.place import place
from imaging.masks.placed import Mask
from imaging.remarks import Remarks, listed
from imaging.volume import Volume
from metseg.errors import ReferenceMaskError

_MAX_NIFTI_BYTES = 1 << 29  # a whole head at 0.5 mm as float32, more than any mask needs
_ROUNDING = 1e-3  # error that scaling and single precision leave in a whole number
_MOST_LABELS = 1000  # nobody numbers more lesions
_SHOWN = 10  # labels in a sentence


def is_nifti(path: Path) -> bool:
    """Whether a file is NIfTI-1 or -2, plain or gzipped, by its first bytes.

    Raises
    ------
    OSError
        The file cannot be opened.
    """
    return read_nifti_header(path) is not None


def read_nifti(
    path: Path,
    *,
    max_bytes: int,
    labels: Collection[int] | None = None,
    beside: Volume | None = None,
    remarks: Remarks | None = None,
) -> tuple[Mask, NDArray[np.float64]]:
    """What a NIfTI file marks ``(Z, H, W)``, and the affine from (slice, row, column, 1) to LPS mm.

    Parameters
    ----------
    labels
        The values that count; without them all above 0. Negative ones and NaN do not count.
    beside
        The grid that the mask is to be compared on: decides between an sform and a qform that
        differ.
    remarks
        Receives which labels counted, and warnings about what had to be guessed.

    Raises
    ------
    ReferenceMaskError
        The file is damaged, is not three-dimensional, has no place, or does not hold whole numbers.
    """
    remarks = Remarks() if remarks is None else remarks
    shape = _shape_of(path)  # before the file is inflated, perhaps a thousand times
    header, content = nifti_bytes_of(path, max_bytes=min(max_bytes, _MAX_NIFTI_BYTES))
    try:
        kind = nibabel.Nifti1Image if header.version == 1 else nibabel.Nifti2Image
        image = kind.from_bytes(content)
        values = np.asarray(image.dataobj).reshape(shape)
    except (ImageFileError, ValueError, EOFError, HeaderDataError) as error:
        raise ReferenceMaskError(
            f"segmentation must be valid NIfTI, the reader gave {type(error).__name__}"
        ) from None
    mask = np.ascontiguousarray(_marked(_whole_numbers(values, remarks), labels, remarks).T)
    return mask, place(image.header, mask, beside, remarks)


def _shape_of(path: Path) -> tuple[int, ...]:
    header = read_nifti_header(path)
    found = header.shape if header else ()
    shape = found[:3] + tuple(n for n in found[3:] if n > 1)
    if len(shape) != 3 or np.prod(shape, dtype=np.float64) > MAX_VOXELS:
        raise ReferenceMaskError(
            f"segmentation must be three-dimensional with at most {MAX_VOXELS} voxels, got {shape}"
        )
    return shape


def _whole_numbers(values: NDArray[np.generic], remarks: Remarks) -> NDArray[np.integer]:
    """Labels, as they are or a rounding away from them; NaN is 0."""
    if values.dtype.kind not in "biuf":
        raise ReferenceMaskError("segmentation must hold whole numbers, got another type")
    if values.dtype.kind != "f":
        return np.asarray(values, dtype=np.uint8 if values.dtype.kind == "b" else values.dtype)
    is_number = ~np.isnan(values)
    if not is_number.all():
        remarks.notes.append("voxels that are not a number (NaN) count as 0")
    numbers = np.where(is_number, values, 0)
    if not np.isfinite(numbers).all() or np.abs(numbers).max(initial=0) >= 2**53:
        raise ReferenceMaskError("segmentation must hold whole numbers, got infinite ones")
    if np.abs(numbers - np.rint(numbers)).max(initial=0) > _ROUNDING:
        raise ReferenceMaskError("segmentation must hold whole numbers, got fractions")
    return np.rint(numbers).astype(np.int64)


def _marked(values: NDArray[np.integer], labels: Collection[int] | None, remarks: Remarks) -> Mask:
    found = [int(value) for value in np.unique(values)]
    if found and found[0] < 0:
        remarks.warnings.append("negative labels do not count")
    found = [value for value in found if value > 0]
    if labels is not None:
        counted = sorted(value for value in found if value in labels)
        others = sorted(set(found) - set(counted))
        left = f"; left out: {_listed(others)}" if others else ""
        remarks.notes.append(f"labels that counted: {_listed(counted)}{left}")
        return np.asarray(np.isin(values, counted))
    mask = np.asarray(values > 0)
    if len(found) > 1 and not _is_numbering(values, mask, found):
        remarks.warnings.append(
            f"labels {_listed(found)} are pooled into one mask: name those that count"
            " (METSEG_REFERENCE_LABELS, or --ref-labels)"
        )
    return mask


def _is_numbering(values: NDArray[np.integer], mask: Mask, found: list[int]) -> bool:
    """Whether labels only number lesions: 1, 2, 3 and on, each of them one piece by itself. Those
    of tissues touch, or come in several pieces.
    """
    if found != list(range(1, len(found) + 1)) or len(found) > _MOST_LABELS:
        return False
    box = bounding_box(mask)
    pieces, count = connected(mask[box])
    if count != len(found):
        return False
    pairs = np.stack([pieces[mask[box]], values[box][mask[box]]], axis=1)
    return len(np.unique(pairs, axis=0)) == count


def _listed(labels: list[int]) -> str:
    return listed(labels, _SHOWN) or "none"
