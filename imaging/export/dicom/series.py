"""Write a volume as a single-frame MR series: for the demo study and for tests."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage, generate_uid

from imaging.volume import Volume

_STORED_MAXIMUM = 4095  # 12 bits, as scanners store


@dataclass(frozen=True, slots=True)
class SeriesWords:
    """What the headers of a written series say.

    `extra` is set on every instance last, by DICOM keyword. An empty `contrast_agent` leaves the
    tag out.
    """

    description: str = "T1 MPRAGE +C"
    contrast_agent: str = "Gadobutrol"
    patient_name: str = "PHANTOM^HEAD"
    patient_id: str = "PHANTOM"
    study_date: str = "20240102"
    series_number: int = 1
    image_type: Sequence[str] = ("ORIGINAL", "PRIMARY", "M", "ND", "NORM")
    extra: dict[str, object] = field(default_factory=dict)


def instance_uid(series_uid: str, index: int) -> str:
    """SOPInstanceUID of slice `index` of a written series: the same each time."""
    return str(generate_uid(entropy_srcs=[series_uid, str(index)]))


def series_instances(
    volume: Volume, *, study_uid: str, series_uid: str, words: SeriesWords | None = None
) -> list[Dataset]:
    """The instances of a volume in slice order, explicit VR little endian, 12 bits stored with a
    rescale.

    Slice 0 of the volume becomes instance number 1. The rows and columns of the volume keep their
    place; where its slice axis runs against row x column, positions still say where every slice is.

    Raises
    ------
    ValueError
        The axes of the volume are not perpendicular: DICOM cannot say so in a single-frame series.
    """
    words = words or SeriesWords()
    row, column, slice_ = (volume.affine[:3, axis] for axis in (1, 2, 0))
    for first, second in ((row, column), (row, slice_), (column, slice_)):
        if abs(first @ second) > 1e-4 * np.linalg.norm(first) * np.linalg.norm(second):
            raise ValueError(f"axes of volume must be perpendicular, got {volume.affine.tolist()}")
    stored, slope, intercept = _stored(volume.voxels)
    instances = []
    for index in range(volume.shape[0]):
        dataset = _instance(study_uid, series_uid, index, words)
        _set_geometry(dataset, volume, index)
        _set_pixels(dataset, stored[index], slope, intercept)
        for keyword, value in words.extra.items():
            setattr(dataset, keyword, value)
        instances.append(dataset)
    return instances


def write_instance(dataset: Dataset, path: Path) -> Path:
    """Write one instance with a zero preamble (PS3.10 7.1); the transfer syntax is that of its meta
    group.
    """
    dataset.save_as(path, enforce_file_format=True, overwrite=False)
    return path


def write_series(
    volume: Volume,
    directory: Path,
    *,
    study_uid: str,
    series_uid: str,
    words: SeriesWords | None = None,
) -> list[Path]:
    """Write a volume as files ``0001.dcm`` and so on in `directory`, which is made. Returns the
    paths in slice order.
    """
    directory.mkdir(parents=True, exist_ok=True)
    instances = series_instances(volume, study_uid=study_uid, series_uid=series_uid, words=words)
    return [
        write_instance(dataset, directory / f"{number:04d}.dcm")
        for number, dataset in enumerate(instances, start=1)
    ]


def _stored(voxels: NDArray[np.float32]) -> tuple[NDArray[np.uint16], float, float]:
    """Whole numbers as they are where 12 bits hold them; otherwise scaled, with slope and
    intercept.
    """
    low, high = float(voxels.min()), float(voxels.max())
    if low >= 0 and high <= _STORED_MAXIMUM and np.array_equal(voxels, np.rint(voxels)):
        return voxels.astype(np.uint16), 1.0, 0.0
    slope = float(f"{(high - low) / _STORED_MAXIMUM or 1.0:.9g}")  # DS holds 16 characters
    intercept = float(f"{low:.9g}")
    stored = np.clip(np.rint((voxels - intercept) / slope), 0, _STORED_MAXIMUM)
    return stored.astype(np.uint16), slope, intercept


def _instance(study_uid: str, series_uid: str, index: int, words: SeriesWords) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = MRImageStorage
    uid = UID(instance_uid(series_uid, index))
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study_uid, series_uid
    dataset.FrameOfReferenceUID = generate_uid(entropy_srcs=[study_uid, "frame of reference"])
    dataset.PatientName, dataset.PatientID = words.patient_name, words.patient_id
    dataset.PatientBirthDate = dataset.PatientSex = dataset.ReferringPhysicianName = ""
    dataset.StudyID = dataset.AccessionNumber = dataset.PositionReferenceIndicator = ""
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = words.study_date
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = "120000"
    dataset.Modality, dataset.Manufacturer = "MR", "metseg phantom"
    dataset.SeriesDescription, dataset.SeriesNumber = words.description, words.series_number
    dataset.InstanceNumber, dataset.ImageType = index + 1, list(words.image_type)
    dataset.BodyPartExamined, dataset.PatientPosition = "BRAIN", "HFS"
    dataset.ScanningSequence, dataset.SequenceVariant, dataset.ScanOptions = "GR", ["SP", "MP"], ""
    dataset.MRAcquisitionType, dataset.EchoTrainLength = "3D", 1
    dataset.RepetitionTime, dataset.EchoTime, dataset.InversionTime = 1900, 2.5, 900
    dataset.MagneticFieldStrength = 3
    if words.contrast_agent:
        dataset.ContrastBolusAgent = words.contrast_agent
    return dataset


def _set_geometry(dataset: Dataset, volume: Volume, index: int) -> None:
    """PS3.3 C.7.6.2.1.1: the first direction is along a row, with the column index."""
    spacing = volume.spacing
    along_row = volume.affine[:3, 2] / spacing[2]
    along_column = volume.affine[:3, 1] / spacing[1]
    position = volume.to_lps(np.array([index, 0.0, 0.0]))
    dataset.ImageOrientationPatient = [_ds(v) for v in (*along_row, *along_column)]
    dataset.ImagePositionPatient = [_ds(v) for v in position]
    dataset.PixelSpacing = [_ds(spacing[1]), _ds(spacing[2])]
    dataset.SliceThickness = dataset.SpacingBetweenSlices = _ds(spacing[0])


def _ds(value: float) -> str:
    """Decimal string of at most 16 characters (PS3.5 6.2)."""
    return f"{float(value) + 0.0:.9g}"


def _set_pixels(
    dataset: Dataset, stored: NDArray[np.uint16], slope: float, intercept: float
) -> None:
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.RescaleSlope, dataset.RescaleIntercept = _ds(slope), _ds(intercept)
    dataset.RescaleType = "US"
    dataset.PixelData = np.ascontiguousarray(stored, dtype="<u2").tobytes()
