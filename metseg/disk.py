"""Files and disks: path of a spooled file, SHA-256, flushing to disk, free space."""

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

MB: Final = 10**6
"""Bytes of a megabyte, wherever metseg writes MB."""
FLUSHED_AT_ONCE: Final = 16
"""Files: more gain nothing."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


def spool_path(spool_dir: Path, sha256: str) -> Path:
    """Path of the bytes with this SHA-256, hex: by content, so that no name identifies a patient.

    Raises
    ------
    ValueError
        `sha256` is not 64 lower-case hexadecimal digits: the path could lead out of the spool.
    """
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"sha256 must be 64 lower-case hexadecimal digits, got {sha256!r}")
    return spool_dir / sha256[:2] / f"{sha256}.dcm"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hex.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def flush(path: Path) -> None:
    """Make a file's bytes, or the names in a folder, durable (fsync).

    Raises
    ------
    OSError
        The disk is gone.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_all(paths: Iterable[Path]) -> None:
    """`flush` for many files and folders at once: together they take a disk hardly longer than one
    alone.

    Raises
    ------
    OSError
        The disk is gone.
    """
    todo = list(paths)
    with ThreadPoolExecutor(FLUSHED_AT_ONCE) as threads:
        others = threads.map(flush, todo[1:])
        for path in todo[:1]:  # by this thread meanwhile
            flush(path)
        list(others)


def replace_text(path: Path, text: str) -> None:
    """Write a small file as a whole: who reads sees the old text or the new one, and of several
    writers one wins. Not flushed to disk.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    fresh = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        fresh.write_text(text)
        fresh.replace(path)
    except OSError:
        with suppress(OSError):
            fresh.unlink()
        raise


def free_bytes(folder: Path) -> int:
    """Free space on the disk where the folder is, or will be once it is made."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    return shutil.disk_usage(there).free
