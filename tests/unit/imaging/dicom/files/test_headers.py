"""The header pass: agrees with pydicom, and refuses what is hostile or broken."""

import os
import subprocess
import sys
import zlib
from pathlib import Path

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import uid as transfer
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames

from imaging.dicom.files.codestream import coded_size
from imaging.dicom.files.encoding import DicomdirError, NotDicomError
from imaging.dicom.files.headers import read_header
from imaging.dicom.files.sources import TruncatedError
from metseg.errors import DicomError
from tests.helpers.data import require_data
from tests.helpers.dicom.phantom import CANARY_ID, Recipe, head_with_lesions, write_series

SYNTAXES = [
    transfer.ExplicitVRLittleEndian,
    transfer.ImplicitVRLittleEndian,
    transfer.ExplicitVRBigEndian,
    transfer.DeflatedExplicitVRLittleEndian,
    transfer.RLELossless,
    transfer.JPEGLSLossless,
    transfer.JPEG2000Lossless,
]
MAX = 1 << 20


@pytest.fixture(scope="module")
def volume():
    return head_with_lesions((4, 32, 32)).volume


@pytest.fixture
def one(volume, tmp_path):
    return write_series(volume, tmp_path / "series")[0]


def saved(dataset: Dataset, path: Path) -> Path:
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_the_header_pass_reads_what_pydicom_reads(volume, tmp_path, syntax):
    path = write_series(volume, tmp_path, Recipe(transfer_syntax=syntax))[1]
    header, dataset = read_header(path, max_bytes=MAX), pydicom.dcmread(path)
    assert header.sop_instance_uid == dataset.SOPInstanceUID
    assert header.sop_class_uid == dataset.SOPClassUID
    assert header.study_instance_uid == dataset.StudyInstanceUID
    assert header.series_instance_uid == dataset.SeriesInstanceUID
    assert header.transfer_syntax_uid == syntax
    assert (header.modality, header.manufacturer) == ("MR", "metseg phantom")
    assert (header.number_of_frames, header.has_pixels) == (1, True)
    assert header.size_bytes == path.stat().st_size


def test_the_header_pass_reports_studies_and_series_that_a_file_refers_to(one):
    dataset = pydicom.dcmread(one)
    assert read_header(one, max_bytes=MAX).refers_to == ()
    inner, outer = Dataset(), Dataset()
    inner.SeriesInstanceUID, outer.StudyInstanceUID = "2.25.11", "2.25.12"
    outer.ReferencedSeriesSequence = [inner, inner]
    dataset.StudiesContainingOtherReferencedInstancesSequence = [outer]
    assert read_header(saved(dataset, one), max_bytes=MAX).refers_to == ("2.25.11", "2.25.12")


def test_the_header_pass_loads_neither_pydicom_nor_numpy():
    code = (
        "import sys, imaging.dicom.files.headers; "
        "print([m for m in ('pydicom', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("content", [b"", b"DICM", bytes(4096), b"%PDF-1.7" + bytes(500)])
def test_a_file_without_dicm_is_not_dicom(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(NotDicomError) as caught:
        read_header(path, max_bytes=MAX)
    assert caught.value.code == "not_dicom"


def test_a_dicomdir_is_ignored(one):
    dataset = pydicom.dcmread(one)
    dataset.SOPClassUID = "1.2.840.10008.1.3.10"
    saved(dataset, one)
    with pytest.raises(DicomdirError) as caught:
        read_header(one, max_bytes=MAX)
    assert caught.value.code == "dicomdir"
    assert isinstance(caught.value, NotDicomError)


def test_links_pipes_and_folders_are_not_read_as_files(one, tmp_path):
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(one)
    os.mkfifo(pipe)
    for path in (link, pipe, tmp_path):
        with pytest.raises(DicomError, match="regular file"):
            read_header(path, max_bytes=MAX)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_header(tmp_path / "none", max_bytes=MAX)


def test_a_larger_file_than_allowed_is_refused_unread(one):
    with pytest.raises(DicomError, match="at most 100 bytes"):
        read_header(one, max_bytes=100)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
@pytest.mark.parametrize("kept", [0.5, 0.8, 0.97])
def test_a_cut_file_is_truncated(volume, tmp_path, syntax, kept):
    path = write_series(volume, tmp_path, Recipe(transfer_syntax=syntax))[0]
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(TruncatedError) as caught:
        read_header(path, max_bytes=MAX)
    assert caught.value.code == "dicom_truncated"


def test_a_header_that_ends_in_zeros_is_truncated(one):
    content = one.read_bytes()
    one.write_bytes(content[:700] + bytes(len(content) - 700))
    with pytest.raises(DicomError):
        read_header(one, max_bytes=MAX)


def test_pixel_data_shorter_than_its_header_promises_are_truncated(one):
    dataset = pydicom.dcmread(one)
    dataset.PixelData = dataset.PixelData[:-2]
    with pytest.raises(TruncatedError, match="2048 bytes, got 2046"):
        read_header(saved(dataset, one), max_bytes=MAX)


def test_a_deflate_bomb_is_refused(one):
    dataset = pydicom.dcmread(one)
    dataset.file_meta.TransferSyntaxUID = transfer.DeflatedExplicitVRLittleEndian
    saved(dataset, one)
    content = one.read_bytes()
    meta = 132 + 12 + int.from_bytes(content[140:144], "little")
    bomb = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    element = b"\x09\x00\x10\x10UN\x00\x00" + (400 << 20).to_bytes(4, "little")
    packed = bomb.compress(element) + b"".join(bomb.compress(bytes(1 << 20)) for _ in range(400))
    one.write_bytes(content[:meta] + packed + bomb.flush())
    assert one.stat().st_size < 1 << 20
    with pytest.raises(DicomError, match="inflate at most 100 times"):
        read_header(one, max_bytes=2 << 30)


def test_bytes_after_the_pixels_of_a_deflated_file_are_inflated_and_counted(one):
    dataset = pydicom.dcmread(one)
    dataset.file_meta.TransferSyntaxUID = transfer.DeflatedExplicitVRLittleEndian
    saved(dataset, one)
    content = one.read_bytes()
    meta = 132 + 12 + int.from_bytes(content[140:144], "little")
    plain = zlib.decompress(content[meta:], -zlib.MAX_WBITS)
    bomb = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = bomb.compress(plain) + b"".join(bomb.compress(bytes(1 << 20)) for _ in range(100))
    one.write_bytes(content[:meta] + packed + bomb.flush())
    with pytest.raises(DicomError, match="inflate at most 100 times"):
        read_header(one, max_bytes=2 << 30)


@pytest.mark.parametrize(
    "syntax",
    [transfer.JPEGLSLossless, transfer.JPEG2000Lossless],
    ids=lambda uid: uid.name,
)
def test_a_codestream_of_another_size_than_its_header_is_refused(volume, tmp_path, syntax):
    path = write_series(volume, tmp_path, Recipe(transfer_syntax=syntax))[1]
    dataset = pydicom.dcmread(path)
    data = bytearray(dataset.PixelData)
    frame = next(generate_frames(bytes(data), number_of_frames=1))
    rows, columns = coded_size(frame)
    assert (rows, columns) == (32, 32)
    at, width = (
        (data.find(b"\xff\xf7") + 5, 2)
        if syntax == transfer.JPEGLSLossless
        else (data.find(b"\xff\x4f\xff\x51") + 8, 4)
    )
    data[at : at + width] = (60_000).to_bytes(width, "big")
    dataset.PixelData = bytes(data)
    with pytest.raises(DicomError, match="must be 32 x 32"):
        read_header(saved(dataset, path), max_bytes=MAX)


def test_an_rle_frame_that_decodes_to_far_more_than_its_header_says_is_refused(volume, tmp_path):
    path = write_series(volume, tmp_path, Recipe(transfer_syntax=transfer.RLELossless))[1]
    dataset = pydicom.dcmread(path)
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    dataset.PixelData = encapsulate([frame + b"\x81\x00" * 4000])
    with pytest.raises(DicomError, match="RLE frame must have at most 4160 bytes"):
        read_header(saved(dataset, path), max_bytes=MAX)


@pytest.mark.parametrize("undefined", [False, True])
def test_sequences_nested_too_deep_are_refused(one, undefined):
    inner = Dataset()
    inner.CodeMeaning = "deep"
    for _ in range(100):
        outer = Dataset()
        outer.ConceptCodeSequence = [inner]
        outer["ConceptCodeSequence"].is_undefined_length = undefined
        inner = outer
    dataset = pydicom.dcmread(one)
    dataset.update(inner)
    with pytest.raises(DicomError, match="nest at most"):
        read_header(saved(dataset, one), max_bytes=MAX)


@pytest.mark.parametrize("undefined", [False, True])
def test_sequences_of_known_and_of_open_length_are_skipped(one, undefined):
    dataset = pydicom.dcmread(one)
    item = Dataset()
    item.CodeValue = "1"
    item.is_undefined_length_sequence_item = undefined
    dataset.AnatomicRegionSequence = [item, Dataset(), item]
    dataset["AnatomicRegionSequence"].is_undefined_length = undefined
    assert read_header(saved(dataset, one), max_bytes=MAX).has_pixels


@pytest.mark.parametrize(
    "keyword", ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID"]
)
@pytest.mark.parametrize("value", ["", "1.2/../../etc", "CANARY^PATIENT", "1." * 40])
@pytest.mark.filterwarnings("ignore")
def test_a_uid_of_other_characters_is_refused_and_not_repeated(one, keyword, value):
    dataset = pydicom.dcmread(one)
    meta_class, meta_instance = dataset.SOPClassUID, dataset.SOPInstanceUID
    dataset[keyword].value = value
    dataset.file_meta.MediaStorageSOPClassUID = meta_class
    dataset.file_meta.MediaStorageSOPInstanceUID = meta_instance
    dataset.save_as(one, enforce_file_format=False)
    with pytest.raises(DicomError, match=keyword) as caught:
        read_header(one, max_bytes=MAX)
    assert not value or value not in str(caught.value)


def test_a_huge_value_of_a_wanted_element_is_refused(one):
    dataset = pydicom.dcmread(one, stop_before_pixels=True)
    dataset.file_meta.TransferSyntaxUID = transfer.ImplicitVRLittleEndian
    dataset.add_new("Manufacturer", "LO", "x")
    dataset["Manufacturer"]._value = "M" * 200_000
    with pytest.raises(DicomError, match="at most 65536 bytes"):
        read_header(saved(dataset, one), max_bytes=MAX)


def test_an_object_without_pixels_is_read(one):
    dataset = pydicom.dcmread(one)
    del dataset.PixelData, dataset.Rows, dataset.Columns
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = transfer.BasicTextSRStorage
    assert read_header(saved(dataset, one), max_bytes=MAX).has_pixels is False


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    at=st.lists(st.integers(132, 1500), min_size=1, max_size=4),
    byte=st.binary(min_size=1, max_size=6),
)
def test_a_damaged_file_raises_only_header_errors_that_do_not_name_the_patient(one, at, byte):
    content = bytearray(one.read_bytes())
    for place in at:
        content[place : place + len(byte)] = byte
    damaged = one.with_suffix(".damaged")
    damaged.write_bytes(content)
    said = ""
    try:
        read_header(damaged, max_bytes=MAX)
    except DicomError as error:
        said = str(error)
    assert "CANARY" not in said
    assert CANARY_ID not in said


@pytest.mark.data
def test_the_header_pass_agrees_with_pydicom_on_files_of_real_scanners():
    root = require_data("dicom_qa")
    files = sorted(root.rglob("*.dcm"))
    assert len(files) > 50
    for path in files:
        header, dataset = read_header(path, max_bytes=1 << 24), pydicom.dcmread(path)
        assert header.sop_instance_uid == dataset.SOPInstanceUID
        assert header.series_instance_uid == dataset.SeriesInstanceUID
        assert header.number_of_frames == int(dataset.get("NumberOfFrames") or 1)
        assert header.manufacturer == dataset.Manufacturer
