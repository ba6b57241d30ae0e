"""Files that are not DICOM: archives that are opened, and those refused with what to do."""

import gzip
from pathlib import Path

import pytest

from tests.helpers.dicom.archives import zip_of
from watcher.reading.kinds import DISC, PART, is_archive, unopened_kind

DICOM = bytes(128) + b"DICM" + bytes(300)
BARE = b"\x08\0\x16\0UI\x1a\x001.2.840.10008.5.1.4.1.1.4" + bytes(300)
ZIP = zip_of({"im1": b"x"})
RAR_4, RAR_5 = b"Rar!\x1a\x07\0", b"Rar!\x1a\x07\x01\0"
SEVEN_ZIP = b"7z\xbc\xaf\x27\x1c\0\4"


def packed(data: bytes) -> bytes:
    """Always the same bytes: a time in it would give the test another name on each worker."""
    return gzip.compress(data, mtime=0)


def put(folder: Path, data: bytes, name: str = "file") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.zip", ZIP, True),
        ("a.TGZ", b"no archive", True),
        ("a.zipx", ZIP, True),
        ("a.tar.zst", b"", True),
        ("a.zip", DICOM, False),
        ("a", ZIP, False),
        ("a.dcm.gz", packed(DICOM), True),
        ("a.GZ", packed(DICOM), True),
        ("a.gz", packed(BARE), True),
        ("a.gz", packed(b"a text"), False),
        ("a.dcm", packed(DICOM), False),
        ("a.gz", DICOM, False),
        ("a.gz", b"", False),
        ("a.gz", b"\x1f\x8b damaged", True),
        ("a.nii.gz", b"\x1f\x8b damaged", False),
        ("a.gz", packed(DICOM)[:20], True),
    ],
)
def test_archives_of_known_kinds_are_opened(
    tmp_path: Path, name: str, data: bytes, expected: bool
) -> None:
    assert is_archive(name, put(tmp_path, data)) is expected


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.7z", SEVEN_ZIP, "7z archive: unpack it, or pack it as zip"),
        ("a.zip", SEVEN_ZIP, "7z archive: unpack it, or pack it as zip"),
        ("17", RAR_4, "rar archive: unpack it, or pack it as zip"),
        ("a.part2.rar", RAR_5, "rar archive: unpack it, or pack it as zip"),
        ("a.z01", b"anything", PART),
        ("a.ZX02", b"anything", PART),
        ("a.zip.003", b"anything", PART),
        ("a.7z.001", SEVEN_ZIP, PART),
        ("a.tar.0002", b"", PART),
        ("a.001", ZIP, PART),
        ("a.001", SEVEN_ZIP, PART),
        ("a.001", b"anything", None),
        ("a.2024", ZIP, None),
        ("a.zip", ZIP, None),
        ("a.iso", bytes(32769) + b"CD001", DISC),
        ("disc", bytes(32769) + b"BEA01\1", DISC),
        ("a.iso", bytes(32000), None),
        ("a.txt", b"7z", None),
        ("a", b"", None),
    ],
)
def test_archives_of_other_kinds_are_refused_with_what_to_do(
    tmp_path: Path, name: str, data: bytes, expected: str | None
) -> None:
    assert unopened_kind(put(tmp_path, data, name)) == expected
