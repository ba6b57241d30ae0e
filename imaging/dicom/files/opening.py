"""Opening what lies in a watched folder."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from metseg.errors import DicomError


@contextmanager
def open_regular(path: Path, max_bytes: int) -> Iterator[tuple[BinaryIO, int]]:
    """Open a regular file, never a link, never waiting for a pipe; yield it and its size."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link; a socket
            raise DicomError("path must be a regular file, got a link or a socket") from None
        raise
    try:
        size = _checked_size(os.fstat(descriptor), max_bytes)
    except DicomError:
        os.close(descriptor)
        raise
    with os.fdopen(descriptor, "rb") as file:
        yield file, size


def _checked_size(status: os.stat_result, max_bytes: int) -> int:
    if not stat.S_ISREG(status.st_mode):
        raise DicomError("path must be a regular file")
    if status.st_size > max_bytes:
        raise DicomError(f"file must be at most {max_bytes} bytes, got {status.st_size}")
    return status.st_size
