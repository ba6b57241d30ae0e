"""A user's own labelled cases: a folder for each, with an image and a mask, NIfTI or DICOM."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from numpy.typing import NDArray

from imaging.dicom.files.encoding import NotDicomError
from imaging.dicom.files.headers import InstanceHeader, read_header
from imaging.dicom.files.parsing import MAX_FILE_BYTES
from imaging.dicom.series.series import SourceSeries, check_spacing, read_series
from imaging.masks.reference import read_reference
from imaging.masks.segmentations import LABEL_MAP_SEGMENTATION_STORAGE, SEGMENTATION_STORAGE
from imaging.resample import to_axial
from imaging.volume import Volume
from metseg.errors import InputError, MetsegError
from training.data.real_cases import RealCase

IMAGE = "image.nii.gz"
MASK = "mask.nii.gz"
BRAIN = "brain.nii.gz"
# A head is wider than this in any direction.
LEAST_MM = 30.0

_SEGMENTATIONS = (SEGMENTATION_STORAGE, LABEL_MAP_SEGMENTATION_STORAGE)
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, slots=True)
class SkippedCase:
    """A case that cannot be used: its number, counted from 1 in the order of folder names, and why.

    The folder's name is withheld: it may be a patient's.
    """

    number: int
    why: str

    def line(self) -> str:
        """Plain words for a log."""
        return f"case {self.number} is left out: {self.why}"


def read_own_cases(folder: Path) -> Iterator[RealCase | SkippedCase]:
    """Cases in the order of their folders' names, resampled to 1 mm; anything but 0 in a mask is a
    lesion.

    A case holds ``image.nii.gz`` or, at any depth, the files of one DICOM series; and
    ``mask.nii.gz`` or one DICOM SEG. NIfTI masks of NIfTI images must be on their grid; others are
    laid on the image by geometry. ``brain.nii.gz``, a mask of the brain, is optional.

    Raises
    ------
    MetsegError
        There is no case folder at all.
    """
    cases = sorted(path for path in folder.iterdir() if path.is_dir())
    if not cases:
        raise MetsegError("pairs must hold a folder for each case, got none")
    for number, case in enumerate(cases, start=1):
        try:
            yield _read_case(case, f"own{number:04d}")
        except InputError as error:
            yield SkippedCase(number, str(error))
        except OSError as error:
            yield SkippedCase(number, f"files must be readable, got {type(error).__name__}")


def read_nifti(path: Path) -> Volume:
    """A NIfTI image; its three array axes stand for slice, row and column as they are.

    Raises
    ------
    InputError
        Not NIfTI, not three-dimensional, or with values that are not finite.
    """
    try:
        image = nibabel.load(path)
        voxels = np.asarray(image.dataobj, dtype=np.float32)
    except (ImageFileError, ValueError, EOFError) as error:
        raise InputError(
            f"{path.name} must be NIfTI, the reader gave {type(error).__name__}"
        ) from None
    if voxels.ndim != 3:
        raise InputError(f"{path.name} must be three-dimensional, got {voxels.shape}")
    if not np.isfinite(voxels).all():
        raise InputError(f"{path.name} must hold finite values, got others")
    return Volume(voxels, np.asarray(_RAS_TO_LPS @ image.affine, dtype=np.float64))


def _read_case(case: Path, name: str) -> RealCase:
    dicom = _Dicom.of(case)
    source: SourceSeries | None = None
    if (case / IMAGE).is_file():
        volume = read_nifti(case / IMAGE)
    else:
        volume, source = read_series(dicom.image())
    _check_volume(volume)
    mask = _read_mask(case, dicom, volume, source)
    brain = case / BRAIN
    return RealCase(
        name,
        to_axial(volume)[0].voxels,
        _resampled(mask, volume),
        _resampled(_on_grid(brain, volume, source), volume) if brain.is_file() else None,
    )


def _check_volume(volume: Volume) -> None:
    check_spacing(volume)
    extent = [size * mm for size, mm in zip(volume.shape, volume.spacing, strict=True)]
    if min(extent) < LEAST_MM:
        raise InputError(f"image must be at least {LEAST_MM:g} mm wide, got {min(extent):.1f}")
    if not volume.voxels.max() > volume.voxels.min():
        raise InputError(f"image must have contrast, got {volume.voxels.max():g} everywhere")


def _read_mask(
    case: Path, dicom: "_Dicom", volume: Volume, source: SourceSeries | None
) -> NDArray[np.bool_]:
    if (case / MASK).is_file():
        return _on_grid(case / MASK, volume, source)
    return read_reference(dicom.mask(), volume, source)


def _on_grid(path: Path, volume: Volume, source: SourceSeries | None) -> NDArray[np.bool_]:
    """A NIfTI mask on the grid of a NIfTI image, or laid on that of a series."""
    if source is not None:
        return read_reference(path, volume, source)
    mask = read_nifti(path)
    if mask.shape != volume.shape or not np.allclose(mask.affine, volume.affine, atol=1e-2):
        raise InputError(
            f"{path.name} must be on the image's grid {volume.shape}, got {mask.shape}"
        )
    return np.asarray(mask.voxels != 0)


def _resampled(mask: NDArray[np.bool_], volume: Volume) -> NDArray[np.bool_]:
    placed = Volume(mask.astype(np.float32), volume.affine)
    return np.asarray(to_axial(placed)[0].voxels > 0.5)


@dataclass(frozen=True, slots=True)
class _Dicom:
    """The DICOM files of a case by series: those with an image, and segmentations."""

    series: dict[str, list[Path]]
    segmentations: list[Path]

    @classmethod
    def of(cls, case: Path) -> "_Dicom":
        found = cls({}, [])
        for path in sorted(path for path in case.rglob("*") if path.is_file()):
            header = _header(path)
            if header is None:
                continue
            if header.sop_class_uid in _SEGMENTATIONS:
                found.segmentations.append(path)
            elif header.has_pixels:
                found.series.setdefault(header.series_instance_uid, []).append(path)
        return found

    def image(self) -> list[Path]:
        """The files of the only series."""
        if len(self.series) != 1:
            raise InputError(f"a case must hold {IMAGE} or one series, got {len(self.series)}")
        return next(iter(self.series.values()))

    def mask(self) -> Path:
        """The only segmentation."""
        if len(self.segmentations) != 1:
            raise InputError(
                f"a case must hold {MASK} or one DICOM SEG, got {len(self.segmentations)}"
            )
        return self.segmentations[0]


def _header(path: Path) -> InstanceHeader | None:
    try:
        return read_header(path, max_bytes=MAX_FILE_BYTES)
    except NotDicomError:
        return None
