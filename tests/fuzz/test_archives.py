"""Unpacking of damaged and hostile archives: numbered files in one folder, or a refusal."""

import gzip
import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from db.intake.fingerprint import fingerprint_of
from metseg.errors import InputError
from tests.fuzz.damage import Sample, damaged, often
from tests.helpers.dicom.archives import (
    KINDS,
    ZIP_PACKERS,
    encrypted_zip,
    pack,
    tar_member,
    tar_of,
    zip_by,
    zip_of,
    zip_with_link,
)
from watcher.archives.archive_members import BLOCK_BYTES
from watcher.archives.archive_rules import safe_name
from watcher.archives.unpack_child import MANIFEST, answer
from watcher.archives.unpacking import Entry

FILES = {"CANARY/im1.dcm": b"one" * 200, "CANARY/deep/im2": b"", "im3.DCM": b"x" * 700}
MOST_BYTES, MOST_FILES, RATIO = 1 << 16, 12, 50.0
NAMES = st.one_of(
    st.text(max_size=30),
    st.lists(st.sampled_from(("..", ".", "a", "", "C:", "\u2025", "~", "im.zip")), max_size=6).map(
        "/".join
    ),
    st.lists(st.sampled_from(("..", "\\", "/", "b")), max_size=6).map("".join),
)


def samples() -> list[Sample]:
    """Archives of every kind; some hold another archive, links, or a password."""
    made = [pack(kind, FILES) for kind in KINDS]
    made += [pack(kind, FILES | {"in.zip": zip_of(FILES), "in.tgz": made[2]}) for kind in KINDS]
    made += [tar_of(FILES, tar_member("CANARY", kind, link="/etc/passwd")) for kind in (b"1", b"2")]
    made += [zip_of(FILES, method=zipfile.ZIP_STORED), *3 * [tar_of(FILES)]]  # fewest checks
    made += [zip_by(method, FILES) for method in ZIP_PACKERS]
    made += [gzip.compress(bytes(128) + b"DICM" + FILES["im3.DCM"])]
    made += [zip_with_link("CANARY", "/etc/passwd"), encrypted_zip(FILES)]
    return [Sample(b"", content) for content in made]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("door")


def unpack(door: Path, content: bytes) -> tuple[dict[str, Any], list[Entry], Path]:
    """The child's answer, in this process, and what lies in its folder."""
    source, folder = door / "CANARY.zip", door / "spool" / "tmp"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    source.write_bytes(content)
    fingerprint = fingerprint_of(source.stat())
    said = answer(
        {
            "source": str(source),
            "fingerprint": {
                name: getattr(fingerprint, name) for name in ("size", "mtime_ns", "inode")
            },
            "folder": str(folder),
            "limits": {
                "max_files": MOST_FILES,
                "max_bytes": MOST_BYTES,
                "max_file_bytes": MOST_BYTES,
                "ratio": RATIO,
                "max_depth": 2,
            },
            "min_free_bytes": 0,
            "parent": os.getppid(),
        }
    )
    assert set(door.iterdir()) == {source, folder.parent}
    assert list(folder.parent.iterdir()) == [folder]
    if "entries" not in said:
        return said, [], folder
    lines = (folder / MANIFEST).read_text().splitlines()
    return said, [Entry(**json.loads(line)) for line in lines], folder


def check(said: Mapping[str, Any], entries: list[Entry], folder: Path) -> None:
    """What holds for every archive there is."""
    event(str(said.get("refuse", "unpacked")))
    assert set(said) in ({"entries"}, {"refuse", "message"})
    assert "CANARY" not in str(said)
    written = [path for path in folder.iterdir() if path.name != MANIFEST]
    assert all(path.name.isdecimal() and path.is_file() for path in written)
    assert sum(path.lstat().st_size for path in written) <= MOST_BYTES
    assert len(written) <= MOST_FILES
    if "entries" in said:
        assert said["entries"] == len(entries) <= MOST_FILES
        assert sorted(int(path.name) for path in written) == sorted(
            entry.number for entry in entries if entry.number is not None
        )
    for entry in entries:
        assert "CANARY" not in str(entry.message)
        assert ".." not in PurePosixPath(entry.name).parts
        assert not entry.name.startswith("/")
        if entry.number is not None:
            assert (folder / str(entry.number)).stat().st_size == entry.size


def mended(content: bytes) -> bytes:
    """A tar whose checksums are right again, as a forger would leave it."""
    made = bytearray(content)
    for at in range(0, len(made) - BLOCK_BYTES + 1, BLOCK_BYTES):
        if made[at + 257 : at + 262] == b"ustar":
            made[at + 148 : at + 156] = b" " * 8
            made[at + 148 : at + 156] = b"%06o\0 " % sum(made[at : at + BLOCK_BYTES])
    return bytes(made)


@often(10)
@given(damaged(samples()), st.booleans())
def test_damaged_archives_come_out_within_bounds_or_are_refused(
    door: Path, content: bytes, forged: bool
) -> None:
    check(*unpack(door, mended(content) if forged else content))


@often(3)
@given(
    st.sampled_from(KINDS), st.dictionaries(NAMES, st.binary(max_size=300), min_size=1, max_size=6)
)
@example("zip", {"a": b"", "./a": b"x"})
def test_archives_of_hostile_names_come_out_whole_or_are_refused(
    door: Path, kind: str, files: dict[str, bytes]
) -> None:
    content = pack(kind, {name.replace("\0", "") or "x": data for name, data in files.items()})
    said, entries, folder = unpack(door, content)
    check(said, entries, folder)
    taken = [entry for entry in entries if entry.number is not None]
    contents = {(folder / str(entry.number)).read_bytes() for entry in taken}
    assert contents <= set(files.values())


@often(6)
@given(NAMES)
def test_a_member_name_that_is_accepted_stays_inside_the_folder(name: str) -> None:
    try:
        safe = safe_name(name)
    except InputError as error:
        event(error.code)
        return
    inside = os.path.normpath(f"/root/{safe}")
    assert inside == "/root" or inside.startswith("/root/")
    assert safe_name(safe) == safe
