"""Zips of methods that zipfile does not know, and files that are packed one by one."""

import bz2
import gzip
import lzma
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.dicom.archives import ZIP_PACKERS, deflate64, pack, zip_by, zip_of, zst
from tests.unit.watcher.archives.test_unpacking import FILES, ZEROS, contents, unpack
from watcher.archives.unpacking import Entry
from watcher.reading.archive_errors import ArchiveError

NOISE = random.Random(5).randbytes(3_000_000) + bytes(100_000)
DICOM = bytes(128) + b"DICM" + NOISE
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zst,
}


def refusal(folder: Path, data: bytes, *, name: str = "a.zip") -> ArchiveError:
    with pytest.raises(ArchiveError) as caught:
        unpack(folder, data, name=name)
    return caught.value


@pytest.mark.parametrize("method", ZIP_PACKERS)
def test_zip_members_of_rare_methods_are_read(tmp_path: Path, method: int) -> None:
    files = FILES | {"large": NOISE}
    entries = unpack(tmp_path, zip_by(method, files))
    assert contents(tmp_path, entries) == files
    assert [entry.size for entry in entries] == [len(data) for data in files.values()]


def test_plain_deflate_data_without_long_matches_is_valid_deflate64(tmp_path: Path) -> None:
    data = bytearray(zip_of({"im1": NOISE[:5000]}))
    data[8] = data[data.index(b"PK\x01\x02") + 10] = 9
    assert contents(tmp_path, unpack(tmp_path, bytes(data))) == {"im1": NOISE[:5000]}


@pytest.mark.parametrize("method", ZIP_PACKERS)
@pytest.mark.parametrize("kept", [0.0, 0.3, 0.999])
def test_a_member_that_ends_early_is_refused(tmp_path: Path, method: int, kept: float) -> None:
    def cut(data: bytes) -> bytes:
        packed = ZIP_PACKERS[method](data)
        return packed[: int(len(packed) * kept)]

    found = refusal(tmp_path, zip_by(method, {"im1": NOISE[:9000]}, packer=cut))
    assert found.code == "archive_invalid"


@pytest.mark.parametrize("method", ZIP_PACKERS)
def test_a_member_with_other_bytes_than_its_check_sum_is_refused(
    tmp_path: Path, method: int
) -> None:
    other = zip_by(method, {"im1": b"one"}, packer=lambda _: ZIP_PACKERS[method](b"two"))
    assert refusal(tmp_path, other).code == "archive_invalid"


@pytest.mark.parametrize("method", ZIP_PACKERS)
@pytest.mark.parametrize("says", [0, 8_999, 9_001])
def test_a_member_of_another_size_than_declared_is_refused(
    tmp_path: Path, method: int, says: int
) -> None:
    found = refusal(tmp_path, zip_by(method, {"im1": NOISE[:9000]}, says=says))
    assert found.code == "archive_invalid"


@pytest.mark.parametrize("method", ZIP_PACKERS)
def test_a_zip_bomb_is_refused_by_its_declared_and_by_its_actual_size(
    tmp_path: Path, method: int
) -> None:
    honest, lying = (zip_by(method, {"im1": ZEROS}, says=says) for says in (None, 10))
    assert refusal(tmp_path, honest).code == "archive_limit"
    (tmp_path / "target").rmdir()
    assert refusal(tmp_path, lying).code == "archive_invalid"
    assert sum(path.stat().st_size for path in (tmp_path / "target").iterdir()) <= 10


def test_a_deflate64_bomb_is_unpacked_a_piece_at_a_time(tmp_path: Path) -> None:
    bomb = zip_by(9, {"im1": bytes(200 << 20)}, says=10)
    tracemalloc.start()
    try:
        refusal(tmp_path, bomb)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 50 << 20


def test_input_that_deflate64_has_read_is_released(tmp_path: Path) -> None:
    data = zip_by(9, {"im1": random.Random(6).randbytes(20 << 20)})
    tracemalloc.start()
    try:
        unpack(tmp_path, data)
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept < 2 << 20


@pytest.mark.parametrize("method", ZIP_PACKERS)
def test_a_member_whose_declared_method_is_false_is_refused(tmp_path: Path, method: int) -> None:
    lie = zip_by(method, FILES, packer=lambda data: b"\xff" * 9 + data)
    assert refusal(tmp_path, lie).code == "archive_invalid"


@pytest.mark.parametrize(
    ("method", "named"),
    [(98, "method 98 (PPMd)"), (6, "method 6 (Implode)"), (255, "method 255")],
)
def test_a_compression_method_without_a_reader_is_named_with_what_to_do(
    tmp_path: Path, method: int, named: str
) -> None:
    found = refusal(tmp_path, zip_by(method, {"im1": b"x"}, packer=bytes))
    assert found.code == "archive_method"
    assert str(found) == f"a zip packed by {named} is not read: pack it again with Deflate"


def test_a_broken_lzma_member_is_refused(tmp_path: Path) -> None:
    found = refusal(tmp_path, zip_by(14, {"im1": NOISE[:99]}, packer=lambda _: b"\xff" * 99))
    assert found.code == "archive_invalid"


def test_the_last_part_of_a_split_zip_says_what_to_do(tmp_path: Path) -> None:
    last = zip_by(9, {"im1": b"x"}, disk=2)
    for folder, data in (("whole", last), ("rest", last[20:])):
        (tmp_path / folder).mkdir()
        found = refusal(tmp_path / folder, data)
        assert found.code == "archive_kind"
        assert "join the parts" in str(found)


def test_a_folder_entry_with_a_windows_name_is_not_a_file(tmp_path: Path) -> None:
    files = {"study/": b"", "study/im1": b"x"}
    data = zip_by(9, files).replace(b"study/", b"study\\")
    assert unpack(tmp_path, data) == [Entry("study/im1", 1, 0)]


@pytest.mark.parametrize("kind", PACKERS)
def test_a_packed_dicom_file_is_an_archive_of_one(tmp_path: Path, kind: str) -> None:
    entries = unpack(tmp_path, PACKERS[kind](DICOM), name=f"im1.dcm.{kind}")
    assert contents(tmp_path, entries) == {"im1.dcm": DICOM}


@pytest.mark.parametrize("name", ["", ".gz", "..gz", "C:im1.gz", "x" * 5000 + ".gz"])
def test_a_packed_file_without_a_usable_name_gets_another(tmp_path: Path, name: str) -> None:
    entries = unpack(tmp_path, gzip.compress(DICOM), name=name)
    assert [entry.name for entry in entries] == ["unnamed"]


@pytest.mark.parametrize("kind", PACKERS)
def test_a_packed_file_that_is_damaged_or_cut_is_refused(tmp_path: Path, kind: str) -> None:
    packed = PACKERS[kind](DICOM)
    flipped = bytearray(packed)
    flipped[-2 if kind == "zst" else -6] ^= 8
    for number, data in enumerate((packed[:-9], bytes(flipped))):
        (tmp_path / str(number)).mkdir()
        assert refusal(tmp_path / str(number), data, name="im1.gz").code == "archive_invalid"


@pytest.mark.parametrize("kind", PACKERS)
def test_a_packed_bomb_is_refused_before_it_is_written(tmp_path: Path, kind: str) -> None:
    bomb = PACKERS[kind](bytes(128) + b"DICM" + ZEROS)
    assert refusal(tmp_path, bomb, name="im1.gz").code == "archive_limit"
    assert list((tmp_path / "target").iterdir()) == []


def test_packed_files_inside_an_archive_are_opened_when_they_hold_dicom(tmp_path: Path) -> None:
    files = {
        "a/im1.dcm.gz": gzip.compress(DICOM),
        "a/mask.nii.gz": gzip.compress(b"\x5c\x01\0\0" + bytes(344) + b"n+1\0"),
        "a/log.gz": gzip.compress(b"a text"),
        "a/more.gz": pack("tar.gz", {"im2": b"x"}),
    }
    entries = unpack(tmp_path, zip_of(files))
    found = contents(tmp_path, entries)
    assert found.pop("a/im1.dcm.gz//im1.dcm") == DICOM
    assert found == {name: files[name] for name in ("a/mask.nii.gz", "a/log.gz", "a/more.gz")}


def test_a_7z_file_that_is_named_zip_is_recognised(tmp_path: Path) -> None:
    inner = b"7z\xbc\xaf\x27\x1c" + bytes(99)
    entries = unpack(tmp_path, zip_of({"b.zip": inner, "im1": deflate64(b"x")}))
    assert [(entry.name, entry.code, entry.message) for entry in entries if entry.code] == [
        ("b.zip", "archive_kind", "7z archive: unpack it, or pack it as zip")
    ]
