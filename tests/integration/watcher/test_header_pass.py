"""The child that reads headers, and files that are meant to harm it."""

import os
import zlib
from pathlib import Path

import pytest

from tests.helpers.places import ROOT
from tests.integration.watcher.small_instances import instance_bytes, uid
from watcher.reading.header_pass import Header, HeaderPass, Refusal

LIMIT = 10**8


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.dcm"
    path.write_bytes(instance_bytes("S", 1))
    return path


def test_a_header_is_read_by_the_child(good: Path) -> None:
    with HeaderPass(max_bytes=LIMIT) as headers:
        expected = Header(uid("S"), uid("S", "series"), uid("S", "series", 1), "MR")
        assert headers.read(good) == expected


@pytest.mark.parametrize(
    ("content", "code", "ignore"),
    [
        (b"", "not_dicom", True),
        (b"just a text", "not_dicom", True),
        (b"\0" * 4096, "not_dicom", True),
        (instance_bytes("S", 1)[:-10], "dicom_truncated", False),
        (instance_bytes("S", 1)[:200], "dicom_truncated", False),
        (b"\0" * 128 + b"DICM" + os.urandom(64), None, False),
    ],
)
def test_faulty_files_are_refused_with_their_reason(
    tmp_path: Path, content: bytes, code: str | None, ignore: bool
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with HeaderPass(max_bytes=LIMIT) as headers:
        refusal = headers.read(path)
    assert isinstance(refusal, Refusal)
    assert not refusal.again
    if code is not None:
        assert (refusal.code, refusal.ignore) == (code, ignore)


def test_results_of_metseg_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "seg.dcm"
    path.write_bytes(instance_bytes("S", 1, Modality="SEG", Manufacturer="metseg"))
    with HeaderPass(max_bytes=LIMIT) as headers:
        refusal = headers.read(path)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.ignore) == ("own_result", True)


def test_a_file_that_cannot_be_opened_is_tried_again(tmp_path: Path) -> None:
    with HeaderPass(max_bytes=LIMIT) as headers:
        refusal = headers.read(tmp_path / "gone")
    assert isinstance(refusal, Refusal)
    assert refusal.again


def test_files_whose_names_are_not_text_are_read(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"M\xfcller \n.dcm")
    path.write_bytes(instance_bytes("S", 1))
    with HeaderPass(max_bytes=LIMIT) as headers:
        assert isinstance(headers.read(path), Header)


def test_a_deflate_bomb_is_refused_and_the_next_file_read(tmp_path: Path, good: Path) -> None:
    bomb = tmp_path / "bomb.dcm"
    deflate = zlib.compressobj(9, wbits=-15)
    body = deflate.compress(b"\x08\x00\x05\x00UN\0\0" + b"\xff\xff\xff\x7f" + b"\0" * 10**7)
    whole = instance_bytes("S", 1)
    meta = whole[: whole.index(b"\x08\x00\x16\x00")]  # SOPClassUID comes first
    head = _with_syntax(meta, b"1.2.840.10008.1.2.1.99")
    bomb.write_bytes(head + body + deflate.flush())
    with HeaderPass(max_bytes=10**6) as headers:
        assert isinstance(headers.read(bomb), Refusal)
        assert isinstance(headers.read(good), Header)


def _with_syntax(head: bytes, syntax: bytes) -> bytes:
    """Replace the transfer syntax in group 2 and correct the two lengths."""
    at = head.index(b"\x02\x00\x10\x00UI")
    old = int.from_bytes(head[at + 6 : at + 8], "little")
    rest = head[at + 8 + old :]
    made = head[: at + 6] + len(syntax).to_bytes(2, "little") + syntax + rest
    group = made.index(b"\x02\x00\x00\x00UL\x04\x00") + 8
    length = int.from_bytes(made[group : group + 4], "little") + len(syntax) - old
    return made[:group] + length.to_bytes(4, "little") + made[group + 4 :]


@pytest.mark.parametrize(
    ("does", "code"),
    [
        ("os.kill(os.getpid(), 9)", "header_crash"),
        ("import time; time.sleep(60)", "header_timeout"),
        ("hold = bytearray(10**9)", "header_memory"),
    ],
)
def test_a_file_that_ends_the_child_is_refused_and_the_next_one_read(
    tmp_path: Path, good: Path, monkeypatch: pytest.MonkeyPatch, does: str, code: str
) -> None:
    evil = tmp_path / "evil.dcm"
    evil.write_bytes(good.read_bytes())
    (tmp_path / "sitecustomize.py").write_text(
        "import os, imaging.dicom.files.headers as headers\n"
        "read = headers.read_header\n"
        "def read_header(path, *, max_bytes):\n"
        f"    if path.name == 'evil.dcm':\n        {does}\n"
        "    return read(path, max_bytes=max_bytes)\n"
        "headers.read_header = read_header\n"
    )
    here = str(ROOT)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{here}")
    with HeaderPass(max_bytes=LIMIT, time_limit_s=1.5) as headers:
        assert isinstance(headers.read(good), Header)
        refusal = headers.read(evil)
        assert isinstance(refusal, Refusal)
        assert refusal.code == code
        assert isinstance(headers.read(good), Header)


def test_the_header_reading_child_loads_no_large_library(good: Path) -> None:
    with HeaderPass(max_bytes=LIMIT) as headers:
        headers.read(good)
        maps = Path(f"/proc/{headers._child.pid}/status")
        if not maps.exists():
            pytest.skip("needs /proc")
        kilobytes = int(maps.read_text().split("VmRSS:")[1].split()[0])
    assert kilobytes < 40_000
