"""Unpacking archives to numbered files: what is taken, and what is refused and why."""

import random
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.helpers.dicom.archives import (
    KINDS,
    PACKERS,
    encrypted_zip,
    pack,
    tar_member,
    tar_of,
    zip_of,
    zip_with_link,
)
from watcher.archives.archive_rules import Budget, safe_name
from watcher.archives.unpacking import Entry, Unpacker
from watcher.reading.archive_errors import ArchiveError, UnsafeArchiveError

FILES = {"a/im1.dcm": b"one" * 100, "a/b/im2": b"two", "im3.DCM": b""}
ZEROS = bytes(12 << 20)


def unpack(
    folder: Path,
    data: bytes,
    *,
    files: int = 100,
    n_bytes: int = 1 << 26,
    ratio: float = 100,
    file_bytes: int = 1 << 26,
    depth: int = 2,
    name: str = "archive",
) -> list[Entry]:
    """The entries of an archive, unpacked within limits."""
    path = folder / "archive"
    path.write_bytes(data)
    target = folder / "target"
    target.mkdir()
    unpacker = Unpacker(
        target,
        Budget(files, n_bytes, ratio, len(data)),
        max_file_bytes=file_bytes,
        max_depth=depth,
        go_on=lambda: None,
    )
    with path.open("rb") as archive:
        unpacker.unpack(archive, name=name)
    return unpacker.entries


def contents(folder: Path, entries: list[Entry]) -> dict[str, bytes]:
    """The bytes of each entry that has some, by name."""
    return {
        entry.name: (folder / "target" / str(entry.number)).read_bytes()
        for entry in entries
        if entry.number is not None
    }


@pytest.mark.parametrize("kind", KINDS)
def test_files_of_an_archive_come_out_under_numbers(tmp_path: Path, kind: str) -> None:
    entries = unpack(tmp_path, pack(kind, FILES))
    assert contents(tmp_path, entries) == FILES
    assert {path.name for path in (tmp_path / "target").iterdir()} == {"0", "1", "2"}
    assert [entry.size for entry in entries] == [len(data) for data in FILES.values()]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_methods_of_zip_are_read(tmp_path: Path, method: int) -> None:
    assert contents(tmp_path, unpack(tmp_path, zip_of(FILES, method=method))) == FILES


def test_an_empty_archive_is_whole(tmp_path: Path) -> None:
    assert unpack(tmp_path, zip_of({})) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [0.0, 0.2, 0.5, 0.9, 0.99])
def test_a_cut_archive_is_refused(tmp_path: Path, kind: str, kept: float) -> None:
    data = pack(kind, {f"im{n}": random.Random(n).randbytes(900) for n in range(9)})
    data = data.rstrip(b"\0")  # a tar ends in zeros: it is whole even without some of them
    with pytest.raises(ArchiveError) as caught:
        unpack(tmp_path, data[: int(len(data) * kept)])
    assert caught.value.code == "archive_invalid"


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_in_a_packed_file_is_noticed(tmp_path: Path, kind: str) -> None:
    if kind == "tar":
        pytest.skip("a plain tar has no check sum of its contents")
    data = bytearray(pack(kind, {"im1": random.Random(1).randbytes(9000)}))
    data[len(data) // 2] ^= 8
    with pytest.raises(ArchiveError):
        unpack(tmp_path, bytes(data))


def test_a_broken_header_inside_a_tar_is_not_its_end(tmp_path: Path) -> None:
    data = bytearray(tar_of({"im1": b"x" * 512, "im2": b"y"}))
    data[1024 + 150] ^= 1  # the checksum of the second header
    with pytest.raises(ArchiveError):
        unpack(tmp_path, bytes(data))


@pytest.mark.parametrize(
    "name",
    [
        "../im1",
        "a/../../im1",
        "a/..",
        "/etc/im1",
        "\\\\server\\share\\im1",
        "..\\im1",
        "a\\..\\..\\im1",
        "C:\\im1",
        "c:im1",
        " d:/im1",
        "./c:/im1",
        "a/im1\0.txt",
        "\u2025/im1",  # TWO DOT LEADER, which NFKC makes ..
        "\uff0e\uff0e/im1",  # FULLWIDTH FULL STOP
        "\uff0e\uff0e\uff0fim1",
        "\uff0fetc/im1",  # FULLWIDTH SOLIDUS
        "\uff23\uff1a/im1",  # FULLWIDTH C AND COLON
        "a/ .. /im1",
        "x" * 4097,
    ],
)
def test_a_member_name_that_leads_outside_is_refused(name: str) -> None:
    with pytest.raises(UnsafeArchiveError) as caught:
        safe_name(name)
    assert caught.value.code == "archive_unsafe"
    assert "im1" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/b", "a/b"),
        ("./a//b/.", "a/b"),
        ("study\\im1.dcm", "study/im1.dcm"),
        ("Müller^Jörg/im 1…dcm", "Müller^Jörg/im 1…dcm"),
        ("a..b/..c/d..", "a..b/..c/d.."),
        ("./", ""),
    ],
)
def test_harmless_member_names_are_kept(name: str, expected: str) -> None:
    assert safe_name(name) == expected


@pytest.mark.parametrize("name", ["../im1", "/im1", "C:\\im1", "a/\u2025/im1"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_with_a_member_name_that_leads_outside_is_refused(
    tmp_path: Path, kind: str, name: str
) -> None:
    with pytest.raises(UnsafeArchiveError):
        unpack(tmp_path, pack(kind, {"good": b"x", name: b"y"}))
    assert not (tmp_path / "im1").exists()


def test_a_nul_in_a_member_name_of_a_zip_is_noticed(tmp_path: Path) -> None:
    data = zip_of({"im1.dcm?.txt": b"x"}).replace(b"im1.dcm?", b"im1.dcm\0")
    with pytest.raises(UnsafeArchiveError):
        unpack(tmp_path, data)


@pytest.mark.parametrize(
    ("member", "skip"),
    [
        (tar_member("im9", tarfile.SYMTYPE, link="/etc/passwd"), "link"),
        (tar_member("im9", tarfile.LNKTYPE, link="im1"), "link"),
        (tar_member("im9", tarfile.FIFOTYPE), "not a regular file"),
        (tar_member("im9", tarfile.CHRTYPE), "not a regular file"),
        (tar_member("im9", tarfile.BLKTYPE), "not a regular file"),
    ],
)
def test_members_that_are_not_files_are_skipped(
    tmp_path: Path, member: tarfile.TarInfo, skip: str
) -> None:
    entries = unpack(tmp_path, tar_of({"im1": b"x"}, member))
    assert entries[1] == Entry("im9", 0, skip=skip)
    assert [path.name for path in (tmp_path / "target").iterdir()] == ["0"]


def test_a_link_in_a_zip_is_skipped(tmp_path: Path) -> None:
    entries = unpack(tmp_path, zip_with_link("im9", "/etc/passwd"))
    assert entries == [Entry("im9", 0, skip="link")]
    assert list((tmp_path / "target").iterdir()) == []


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError) as caught:
        unpack(tmp_path, encrypted_zip({"im1": b"x"}))
    assert caught.value.code == "archive_encrypted"


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_of_too_many_files_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ArchiveError, match="at most 5 files") as caught:
        unpack(tmp_path, pack(kind, {f"im{n}": b"" for n in range(6)}), files=5)
    assert caught.value.code == "archive_limit"


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.bz2", "tar.xz"])
def test_an_archive_bomb_is_refused_by_its_ratio(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ArchiveError, match="at most 100 times its size"):
        unpack(tmp_path, pack(kind, {"im1": ZEROS}))


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_of_more_bytes_than_allowed_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ArchiveError, match="at most 1000 bytes"):
        unpack(tmp_path, pack(kind, {"im1": bytes(900), "im2": bytes(200)}), n_bytes=1000)
    written = sum(path.stat().st_size for path in (tmp_path / "target").iterdir())
    assert written <= 1000


@pytest.mark.parametrize("kind", list(PACKERS)[1:])
def test_zeros_after_the_end_of_a_tar_are_counted(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ArchiveError, match="times its size"):
        unpack(tmp_path, PACKERS[kind](tar_of({"im1": b"x"}) + ZEROS))


def test_a_bomb_in_skipped_members_is_counted(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="times its size"):
        unpack(tmp_path, PACKERS["tar.gz"](tar_of({"__MACOSX/._im1": ZEROS})))


def test_a_larger_file_than_allowed_is_not_written_and_the_others_are(tmp_path: Path) -> None:
    entries = unpack(tmp_path, tar_of({"im1": bytes(600), "im2": b"x"}), file_bytes=500)
    assert entries[0] == Entry("im1", 600)
    assert contents(tmp_path, entries) == {"im2": b"x"}


@pytest.mark.parametrize("outer", KINDS)
@pytest.mark.parametrize("inner", KINDS)
def test_an_archive_inside_an_archive_is_unpacked(tmp_path: Path, outer: str, inner: str) -> None:
    name = f"b.{inner}"
    entries = unpack(tmp_path, pack(outer, {"im0": b"0", name: pack(inner, FILES)}))
    inside = {f"{name}//{one}": data for one, data in FILES.items()}
    assert contents(tmp_path, entries) == {"im0": b"0"} | inside
    assert entries[-1].skip == "unpacked: 3 files"
    assert len(list((tmp_path / "target").iterdir())) == 4


def test_archives_nested_too_deep_are_refused_alone(tmp_path: Path) -> None:
    deep = zip_of({"im3": b"3"})
    middle = zip_of({"deep.zip": deep, "im2": b"2"})
    entries = unpack(tmp_path, zip_of({"middle.zip": middle, "im1": b"1"}), depth=2)
    assert contents(tmp_path, entries) == {"middle.zip//im2": b"2", "im1": b"1"}
    refused = {entry.name: (entry.code, entry.message) for entry in entries if entry.code}
    assert refused == {
        "middle.zip//deep.zip": ("archive_limit", "archives must nest at most 2 deep")
    }


def test_a_broken_inner_archive_spoils_no_other_file(tmp_path: Path) -> None:
    broken = tar_of({"im2": b"2" * 600, "im3": b"3" * 600})[:1600]
    entries = unpack(tmp_path, zip_of({"im1": b"1", "b.tar": broken, "im4": b"4"}))
    assert contents(tmp_path, entries) == {"im1": b"1", "im4": b"4"}
    assert [(e.name, e.code) for e in entries if e.code] == [("b.tar", "archive_invalid")]
    assert len(list((tmp_path / "target").iterdir())) == 2


def test_files_of_inner_archives_count_towards_the_limits(tmp_path: Path) -> None:
    inner = zip_of({f"im{n}": b"" for n in range(4)})
    with pytest.raises(ArchiveError, match="at most 8 files"):
        unpack(tmp_path, zip_of({"a.zip": inner, "b.zip": inner}), files=8)


def test_system_files_in_an_archive_are_skipped(tmp_path: Path) -> None:
    files = {
        "__MACOSX/a/._im1.zip": b"x",
        "a/.DS_Store": b"x",
        "a/Thumbs.db": b"x",
        "@eaDir/im1@SynoEAStream": b"x",
        "a/im1": b"good",
    }
    entries = unpack(tmp_path, zip_of(files))
    assert contents(tmp_path, entries) == {"a/im1": b"good"}
    assert [entry.skip for entry in entries] == [
        "system folder",
        "hidden",
        "system file",
        "system folder",
        None,
    ]


def test_a_member_name_that_is_repeated_is_two_files(tmp_path: Path) -> None:
    data = zip_of({"im1": b"1", "im2": b"2"}).replace(b"im2", b"im1")
    assert contents(tmp_path, unpack(tmp_path, data)) == {"im1": b"1", "im1#2": b"2"}


def test_a_dicom_file_with_the_name_of_an_archive_stays_a_dicom_file(tmp_path: Path) -> None:
    data = bytes(128) + b"DICM"
    assert contents(tmp_path, unpack(tmp_path, zip_of({"im1.zip": data}))) == {"im1.zip": data}
