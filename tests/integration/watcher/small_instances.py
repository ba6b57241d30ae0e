"""Instances of a few hundred bytes: all that a watcher looks at, written in a millisecond."""

import hashlib
from io import BytesIO
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

CANARY = "CANARY^PATIENT"
MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
SIDE = 8


def uid(*words: object) -> str:
    """A UID made of words."""
    digest = hashlib.sha256(repr(words).encode()).hexdigest()
    return f"2.25.{int(digest[:30], 16)}"


def instance_bytes(
    study: str,
    number: int,
    *,
    series: str = "series",
    fill: int = 0,
    side: int = SIDE,
    **elements: object,
) -> bytes:
    """One MR instance; `fill` is the value of its pixel bytes: another one makes other content."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = MR_IMAGE
    dataset.file_meta.MediaStorageSOPClassUID = UID(MR_IMAGE)
    dataset.SOPInstanceUID = uid(study, series, number)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = uid(study), uid(study, series)
    dataset.PatientName, dataset.Modality = CANARY, "MR"
    dataset.Rows = dataset.Columns = side
    dataset.BitsAllocated, dataset.SamplesPerPixel = 16, 1
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = bytes([fill]) * (2 * side * side)
    return _encode(dataset)


def _encode(dataset: Dataset) -> bytes:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def write_slices(folder: Path, study: str, numbers: range, **options: object) -> list[Path]:
    """Write instances of a study as ``im<number>.dcm``."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in numbers:
        path = folder / f"im{number:04d}.dcm"
        path.write_bytes(instance_bytes(study, number, **options))  # type: ignore[arg-type]
        paths.append(path)
    return paths


def slices(numbers: range, study: str = "S", **options: int) -> dict[str, bytes]:
    """Files of a study as they lie in an archive."""
    return {
        f"{study}/im{number:04d}.dcm": instance_bytes(study, number, **options)
        for number in numbers
    }
