"""The members of a zip."""

import os
import stat
import zipfile
from collections.abc import Iterator
from functools import partial
from typing import IO

from watcher.archives.archive_rules import Budget, Kind, Member, safe_name
from watcher.archives.zip_methods import NAMES, READ, open_member
from watcher.reading.archive_errors import EncryptedArchiveError, KindError, MethodError
from watcher.reading.kinds import PART

ENCRYPTED = 0x2041
"""Flags of a zip member: encrypted, strongly so, names masked (APPNOTE 4.4.4)."""
_STARTS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"PK00PK\x03\x04")
"""First bytes: of a member, of the end of an empty zip, of a split one, of one that was not split
after all (APPNOTE 8.5.3)."""
_END = b"PK\x05\x06"
_END_BYTES = 22
_LONGEST_COMMENT = 0xFFFF
_SEE_ZIP64 = 0xFFFF


def is_zip(archive: IO[bytes], head: bytes) -> bool:
    """Whether an archive is a zip, or the last part of one. It is left at its beginning."""
    return head.startswith(_STARTS) or _is_last_part(archive)


def zip_members(archive: IO[bytes], budget: Budget) -> Iterator[Member]:
    """The members of a zip, in the order of its directory.

    Raises
    ------
    ArchiveError
        And whatever zipfile raises.
    """
    if _is_last_part(archive):
        raise KindError(PART)
    with zipfile.ZipFile(archive) as opened:
        found = opened.infolist()
        _check_readable(found)
        budget.foresee(files=len(found), n_bytes=sum(info.file_size for info in found))
        for info in found:
            # Up to a NUL, `filename` hides what others may read.
            name = safe_name(info.orig_filename)
            yield Member(name, _kind(info), info.file_size, partial(open_member, opened, info))


def _is_last_part(archive: IO[bytes]) -> bool:
    """Whether a zip was split: its end then says that it lies on another disk than the first."""
    size = archive.seek(0, os.SEEK_END)
    start = max(0, size - _END_BYTES - _LONGEST_COMMENT)
    archive.seek(start)
    tail = archive.read()
    archive.seek(0)
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + _END_BYTES:
        return False
    comment = int.from_bytes(tail[at + 20 : at + 22], "little")
    disk = int.from_bytes(tail[at + 4 : at + 6], "little")
    return at + _END_BYTES + comment == len(tail) and disk not in (0, _SEE_ZIP64)


def _check_readable(found: list[zipfile.ZipInfo]) -> None:
    if any(info.flag_bits & ENCRYPTED for info in found):
        raise EncryptedArchiveError(
            "a zip must not be encrypted: unpack it with its password, and pack it without"
        )
    for info in found:
        method = info.compress_type
        if method not in READ and _kind(info) is Kind.FILE:
            named = f"method {method} ({NAMES[method]})" if method in NAMES else f"method {method}"
            raise MethodError(f"a zip packed by {named} is not read: pack it again with Deflate")


def _kind(info: zipfile.ZipInfo) -> Kind:
    # As some programs of Windows name a folder.
    if info.is_dir() or (info.orig_filename.endswith("\\") and not info.file_size):
        return Kind.FOLDER
    mode = info.external_attr >> 16
    if stat.S_ISLNK(mode):
        return Kind.LINK
    return Kind.FILE if stat.S_IFMT(mode) in (0, stat.S_IFREG) else Kind.SPECIAL
