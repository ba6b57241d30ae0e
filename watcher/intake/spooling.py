"""Immutable copies of what arrived: copied and hashed in one reading, named by content."""

import errno
import fcntl
import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from db.intake.fingerprint import Fingerprint, fingerprint_of
from metseg.disk import flush_all, spool_path
from metseg.errors import DiskFullError, InfrastructureError
from metseg.locks import try_flock

CHUNK_BYTES = 1024 * 1024
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
HASHES_AT_ONCE = 500


class MovedError(Exception):
    """The file is not what it was when it had settled: look at it again later."""


class UnreadableError(Exception):
    """The file in the inbox cannot be read just now. The message is the reason the system gives."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy under a temporary name, not durable yet, and the hash of exactly its bytes."""

    path: Path
    sha256: str
    size: int


def copy_in(source: Path, expected: Fingerprint, target: Path) -> Copied:
    """Copy one file of the inbox and hash what was copied, in one reading.

    Raises
    ------
    MovedError
        Its fingerprint is or becomes another one, or it is gone.
    UnreadableError
        It cannot be read.
    InfrastructureError
        The spool cannot be written; `DiskFullError` when it is full.
    """
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise MovedError from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise MovedError from None
        raise UnreadableError(error.strerror) from None
    try:
        _check_unmoved(os.fstat(descriptor), expected)
        copied = _copy(descriptor, expected.size, target)
        _check_unmoved(os.fstat(descriptor), expected)
    finally:
        os.close(descriptor)
    try:
        _check_unmoved(os.lstat(source), expected)  # not replaced by another file meanwhile
    except OSError:
        raise MovedError from None
    if copied.size != expected.size:
        raise MovedError
    return copied


def _check_unmoved(status: os.stat_result, expected: Fingerprint) -> None:
    if fingerprint_of(status) != expected:
        raise MovedError


def _copy(descriptor: int, expected_size: int, target: Path) -> Copied:
    digest, size = hashlib.sha256(), 0
    with spool_faults(), target.open("xb", buffering=0) as copy:
        while chunk := _read(descriptor):
            digest.update(chunk)
            size += len(chunk)
            if size > expected_size:  # it may grow as fast as we read
                raise MovedError
            _write(copy.fileno(), chunk)
        os.fchmod(copy.fileno(), 0o444)
    return Copied(target, digest.hexdigest(), size)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, CHUNK_BYTES)
    except OSError as error:
        raise UnreadableError(error.strerror) from None


def _write(descriptor: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


@contextmanager
def spool_faults() -> Iterator[None]:
    """Turn errors of the spool's file system into those of metseg."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DiskFullError("the spool must have free space, got none") from error
        raise InfrastructureError(f"the spool must be writable, got {error.strerror}") from error


def place(copies: Sequence[Copied], spool_dir: Path) -> None:
    """Make copies durable, first their bytes, then their final names. Bytes that are there already
    stay.
    """
    with spool_faults():
        targets = {spool_path(spool_dir, copied.sha256): copied for copied in copies}
        new = {to: copied for to, copied in targets.items() if not _is_there(to, copied.size)}
        flush_all(copied.path for copied in new.values())
        folders = {target.parent for target in targets}
        missing = [folder for folder in folders if not folder.is_dir()]
        for folder in missing:
            folder.mkdir(exist_ok=True)
        for target, copied in new.items():
            copied.path.replace(target)
        flush_all({*folders, spool_dir} if missing else folders)


def _is_there(target: Path, size: int) -> bool:
    try:
        return target.stat().st_size == size
    except FileNotFoundError:
        return False


@contextmanager
def workspace(spool_dir: Path) -> Iterator[Path]:
    """A fresh folder for the copies of one intake, gone afterwards. Holds off the sweep."""
    with spool_faults():
        spool_dir.mkdir(parents=True, exist_ok=True)
        folder = spool_dir / "tmp" / uuid.uuid4().hex
    with _lock(spool_dir, fcntl.LOCK_SH):
        with spool_faults():
            folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def sweep(spool_dir: Path, referenced: Callable[[Sequence[str]], set[str]]) -> int:
    """Delete copies that no snapshot refers to and left-over temporary files; returns how many.

    `referenced` says which of some hashes a snapshot refers to. While an intake is under way
    anywhere nothing is done, and 0 returned: a copy without a reference may belong to that intake.
    """
    if not spool_dir.is_dir():
        return 0
    with spool_faults(), _lock(spool_dir, fcntl.LOCK_EX | fcntl.LOCK_NB) as alone:
        if not alone:
            return 0
        shutil.rmtree(spool_dir / "tmp", ignore_errors=True)
        hashes = (path.stem for path in spool_dir.glob("[0-9a-f][0-9a-f]/*.dcm"))
        orphans = 0
        while batch := list(islice(hashes, HASHES_AT_ONCE)):
            for sha256 in sorted(set(batch) - referenced(batch)):
                spool_path(spool_dir, sha256).unlink(missing_ok=True)
                orphans += 1
        return orphans


@contextmanager
def _lock(folder: Path, how: int) -> Iterator[bool]:
    """Lock a folder itself, so that there is no lock file. Gives False when somebody else has it.

    NFS gives no exclusive locks of folders: intake goes on there, and the sweep never runs.
    """
    with spool_faults():
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield try_flock(descriptor, how)
    finally:
        os.close(descriptor)
