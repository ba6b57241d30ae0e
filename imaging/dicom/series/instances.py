"""The instances of a series: each once, and of one series and one patient."""

from collections.abc import Sequence
from pathlib import Path

from pydicom.dataset import Dataset

from imaging.dicom.files.headers import InstanceHeader, read_header
from imaging.dicom.files.parsing import parse_dataset, parsing
from imaging.dicom.series.gathering import belong_together
from imaging.dicom.series.kept_headers import ParsedFiles
from imaging.dicom.values.patients import Patient, patient_of, several
from imaging.dicom.values.raw_values import text
from metseg.disk import sha256_of
from metseg.errors import PatientError, SeriesError


def distinct(
    files: Sequence[Path], max_bytes: int, known: ParsedFiles
) -> tuple[list[tuple[Path, InstanceHeader]], int]:
    """One file for each SOPInstanceUID, and how many were left out as identical. `known` are
    headers that need not be read again.
    """
    if not files:
        raise SeriesError("a series must have files, got none")
    first: dict[str, tuple[Path, InstanceHeader]] = {}
    repeated = 0
    for path in files:
        held = known.get(path)
        header = read_header(path, max_bytes=max_bytes) if held is None else held.header
        uid = header.sop_instance_uid
        if uid not in first:
            first[uid] = path, header
        elif _same_content(first[uid][0], path):
            repeated += 1
        else:
            raise SeriesError("one SOPInstanceUID must have one content, got two different ones")
    return list(first.values()), repeated


def _same_content(one: Path, other: Path) -> bool:
    """Byte for byte, or element for element where only the encoding of the file differs."""
    if sha256_of(one) == sha256_of(other):
        return True
    left, right = parse_dataset(one, pixels=True), parse_dataset(other, pixels=True)
    with parsing("a repeated instance"):
        return bool(left == right)


def check_one_series(headers: Sequence[InstanceHeader], datasets: Sequence[Dataset]) -> None:
    """Raise `SeriesError` where instances are of several series, studies or frames of reference."""
    uids = {
        "SeriesInstanceUID": {header.series_instance_uid for header in headers},
        "StudyInstanceUID": {header.study_instance_uid for header in headers},
        "FrameOfReferenceUID": {text(d, "FrameOfReferenceUID") for d in datasets} - {""},
    }
    for keyword, values in uids.items():
        if len(values) > 1 and not (keyword == "SeriesInstanceUID" and belong_together(datasets)):
            raise SeriesError(f"instances must share one {keyword}, got {len(values)}")
    if len({text(d, "PhotometricInterpretation") for d in datasets}) > 1:
        raise SeriesError("instances must share one PhotometricInterpretation")


def one_patient(datasets: Sequence[Dataset]) -> Patient:
    """The patient of a series.

    Raises
    ------
    PatientError
        The series has several.
    """
    patients = [patient_of(dataset) for dataset in datasets]
    if several(patients):
        raise PatientError("images of one series must be of one patient, got several")
    return patients[0]
