"""The data set is believed where meta information is missing or wrong."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import uid as transfer
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info

from imaging.dicom.files.encoding import NATIVE, NotDicomError
from imaging.dicom.files.headers import read_header
from imaging.dicom.files.sources import TruncatedError
from imaging.dicom.series.series import group_series, read_series
from metseg.errors import DicomError
from tests.helpers.dicom.encodings import Stored, ramp, write_stored

MAX = 1 << 20
SHAPE = (4, 40, 36)
STORED = Stored(12)
PLAIN = [
    transfer.ImplicitVRLittleEndian,
    transfer.ExplicitVRLittleEndian,
    transfer.ExplicitVRBigEndian,
]
COMPRESSED = [
    transfer.RLELossless,
    transfer.JPEGLosslessSV1,
    transfer.JPEGLSLossless,
    transfer.JPEG2000Lossless,
]


def series(folder: Path, syntax: str) -> list[Path]:
    return write_stored(ramp(SHAPE, STORED), folder, STORED, syntax)


def parts(content: bytes) -> tuple[bytes, bytes]:
    """Meta information and data set of a file."""
    end = 144 + int.from_bytes(content[140:144], "little")
    return content[132:end], content[end:]


def meta_of(syntax: str) -> bytes:
    meta, content = pydicom.dataset.FileMetaDataset(), DicomBytesIO()
    meta.MediaStorageSOPClassUID = transfer.MRImageStorage
    meta.TransferSyntaxUID = syntax
    write_file_meta_info(content, meta, enforce_standard=False)
    return content.getvalue()


def rewrite(paths: list[Path], change) -> list[Path]:
    """Write each file again from its meta information and its data set."""
    for path in paths:
        path.write_bytes(change(*parts(path.read_bytes())))
    return paths


def assert_read(paths: list[Path], syntax: str) -> None:
    """The series is found, and its values are those that were stored."""
    (found,) = group_series(paths)
    assert found.facts.unreadable == ""
    volume, _ = read_series(found.files)
    np.testing.assert_array_equal(volume.voxels, ramp(SHAPE, STORED))
    assert read_header(paths[0], max_bytes=MAX).transfer_syntax_uid == syntax


@pytest.mark.parametrize("syntax", PLAIN, ids=lambda uid: uid.name)
def test_a_data_set_alone_is_read(tmp_path, syntax):
    assert_read(rewrite(series(tmp_path, syntax), lambda _, data: data), syntax)


@pytest.mark.parametrize("prefix", [b"", b"DICM"])
@pytest.mark.parametrize("syntax", [*PLAIN, *COMPRESSED], ids=lambda uid: uid.name)
def test_a_file_without_its_preamble_is_read(tmp_path, syntax, prefix):
    assert_read(rewrite(series(tmp_path, syntax), lambda meta, data: prefix + meta + data), syntax)


@pytest.mark.parametrize("syntax", PLAIN, ids=lambda uid: uid.name)
def test_a_file_whose_meta_information_is_lost_is_read(tmp_path, syntax):
    without = rewrite(series(tmp_path, syntax), lambda _, data: bytes(128) + b"DICM" + data)
    assert_read(without, syntax)


@pytest.mark.parametrize(("real", "told"), [*permutations(PLAIN, 2)])
def test_meta_information_that_contradicts_the_data_set_is_not_believed(tmp_path, real, told):
    lying = rewrite(
        series(tmp_path, real), lambda _, data: bytes(128) + b"DICM" + meta_of(told) + data
    )
    assert_read(lying, real)


def test_a_data_set_that_is_wrongly_declared_as_deflated_is_read(tmp_path):
    told = meta_of(transfer.DeflatedExplicitVRLittleEndian)
    lying = rewrite(
        series(tmp_path, transfer.ExplicitVRLittleEndian),
        lambda _, data: bytes(128) + b"DICM" + told + data,
    )
    assert_read(lying, transfer.ExplicitVRLittleEndian)


@pytest.mark.parametrize("told", COMPRESSED, ids=lambda uid: uid.name)
def test_native_pixels_under_a_compressed_transfer_syntax_are_read(tmp_path, told):
    real = transfer.ExplicitVRLittleEndian
    lying = rewrite(
        series(tmp_path, real), lambda _, data: bytes(128) + b"DICM" + meta_of(told) + data
    )
    assert_read(lying, real)


@pytest.mark.parametrize("real", COMPRESSED, ids=lambda uid: uid.name)
def test_compressed_frames_under_a_native_transfer_syntax_are_read(tmp_path, real):
    told = meta_of(transfer.ExplicitVRLittleEndian)
    lying = rewrite(series(tmp_path, real), lambda _, data: bytes(128) + b"DICM" + told + data)
    volume, _ = read_series(lying)
    np.testing.assert_array_equal(volume.voxels, ramp(SHAPE, STORED))
    assert read_header(lying[0], max_bytes=MAX).transfer_syntax_uid not in NATIVE


@pytest.mark.parametrize("syntax", PLAIN, ids=lambda uid: uid.name)
def test_a_data_set_alone_that_ends_early_is_truncated(tmp_path, syntax):
    (path, *_) = rewrite(series(tmp_path, syntax), lambda _, data: data[: len(data) // 2])
    with pytest.raises(TruncatedError):
        read_header(path, max_bytes=MAX)


@pytest.mark.parametrize(
    "content",
    [
        b"\x08\0\5\0CS\x0a\0ISO_IR 100",  # a data set begins like this, but nothing follows
        b"\x08\0\0\0\4\0\0\0\1\0\0\0" + bytes(500),
        b"\0\x08\0\5CS\0\x0aISO_IR 100" + bytes(range(256)),
        b"\x08\0\x16\0UI\x04\0abc\0" + bytes(40),
        b"\x02\0\0\0",
    ],
)
def test_a_file_that_only_begins_like_a_data_set_is_not_dicom(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(NotDicomError):
        read_header(path, max_bytes=MAX)


def test_meta_information_alone_is_refused(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(128) + b"DICM" + meta_of(transfer.ExplicitVRLittleEndian))
    with pytest.raises(DicomError):
        read_header(path, max_bytes=MAX)
