"""Copies in the spool: their bytes and hashes, files that change meanwhile, and the sweep."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from db.intake.fingerprint import Fingerprint, fingerprint_of
from metseg.disk import spool_path
from metseg.errors import DiskFullError, InfrastructureError
from watcher.intake.spooling import MovedError, UnreadableError, copy_in, place, sweep, workspace

CONTENT = b"bytes of an instance" * 1000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


def fingerprint(path: Path) -> Fingerprint:
    return fingerprint_of(path.lstat())


def test_the_hashed_bytes_are_the_spooled_bytes(source: Path, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    with workspace(spool) as folder:
        copied = copy_in(source, fingerprint(source), folder / "0")
        place([copied], spool)
    assert copied.sha256 == hashlib.sha256(CONTENT).hexdigest()
    final = spool_path(spool, copied.sha256)
    assert final.read_bytes() == CONTENT
    assert final.stat().st_mode & 0o777 == 0o444
    assert list((spool / "tmp").iterdir()) == []


def test_a_file_that_changed_since_it_settled_has_moved(source: Path, tmp_path: Path) -> None:
    before = fingerprint(source)
    source.write_bytes(CONTENT + b"more")
    with pytest.raises(MovedError):
        copy_in(source, before, tmp_path / "0")


def test_a_file_that_changes_while_it_is_copied_has_moved(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, read = fingerprint(source), os.read

    def grow_and_read(descriptor: int, count: int) -> bytes:
        with source.open("ab") as file:
            file.write(b"x")  # for ever, as fast as it is read
        return read(descriptor, count)

    monkeypatch.setattr(os, "read", grow_and_read)
    with pytest.raises(MovedError):
        copy_in(source, before, tmp_path / "0")


def test_a_file_that_is_replaced_while_it_is_copied_has_moved(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, read = fingerprint(source), os.read

    def replace_and_read(descriptor: int, count: int) -> bytes:
        (tmp_path / "other").write_bytes(CONTENT)
        (tmp_path / "other").replace(source)
        return read(descriptor, count)

    monkeypatch.setattr(os, "read", replace_and_read)
    with pytest.raises(MovedError):
        copy_in(source, before, tmp_path / "0")


def test_a_file_that_became_a_link_or_vanished_has_moved(source: Path, tmp_path: Path) -> None:
    before = fingerprint(source)
    source.rename(tmp_path / "elsewhere")
    with pytest.raises(MovedError):
        copy_in(source, before, tmp_path / "0")
    source.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MovedError):
        copy_in(source, before, tmp_path / "0")


def test_a_read_error_is_blamed_on_the_file_and_a_write_error_on_the_spool(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(error, os.strerror(error))

    for name, error, expected in (
        ("read", 5, UnreadableError),  # EIO
        ("write", 28, DiskFullError),  # ENOSPC
        ("write", 5, InfrastructureError),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, fail)
            with pytest.raises(expected):
                copy_in(source, fingerprint(source), tmp_path / f"{name}{error}")


def test_spooled_bytes_stay_and_damaged_ones_are_replaced(source: Path, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    final = spool_path(spool, hashlib.sha256(CONTENT).hexdigest())
    inodes = []
    for damaged in (False, False, True):
        if damaged:
            final.chmod(0o644)
            os.truncate(final, 3)
        with workspace(spool) as folder:
            copied = copy_in(source, fingerprint(source), folder / "0")
            place([copied], spool)
        inodes.append(final.stat().st_ino)
        assert final.read_bytes() == CONTENT
    assert inodes[0] == inodes[1] != inodes[2]


def test_the_spool_sweep_deletes_orphans_and_leftover_temporary_files(
    source: Path, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    hashes = []
    for content in (b"kept", b"orphan"):
        source.write_bytes(content)
        with workspace(spool) as folder:
            copied = copy_in(source, fingerprint(source), folder / "0")
            place([copied], spool)
        hashes.append(copied.sha256)
    stale = spool / "tmp" / "stale"
    stale.mkdir()
    (stale / "0").write_bytes(b"half")

    def referenced(batch: Sequence[str]) -> set[str]:
        return {hashes[0]} & set(batch)

    with workspace(spool):
        assert sweep(spool, referenced) == 0
        assert stale.exists()
    assert sweep(spool, referenced) == 1
    assert not stale.exists()
    assert [spool_path(spool, sha256).exists() for sha256 in hashes] == [True, False]


def test_a_spool_that_does_not_exist_yet_has_nothing_to_sweep(tmp_path: Path) -> None:
    assert sweep(tmp_path / "none", lambda _: set()) == 0
