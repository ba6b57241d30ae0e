"""What an archive says it holds, member by member: zip; tar, plain or with gzip, bzip2, xz."""

import bz2
import gzip
import lzma
import re
import stat
import tarfile
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import IO, Any, ClassVar, Self

from metseg.errors import InputError

LONGEST_NAME = 4096
"""Bytes: PATH_MAX of Linux. tar allows any length."""
ENCRYPTED = 0x2041
"""Flags of a zip member: encrypted, strongly so, names masked (APPNOTE 4.4.4)."""
CHUNK_BYTES = 1 << 20
BLOCK_BYTES = 512
DECOMPRESSORS: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": partial(gzip.GzipFile, None, "rb", 9),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}
"""By the first bytes."""
NO_TAR = "archive must be a whole zip or tar, got something else or a part"


class ArchiveError(InputError):
    """An archive is damaged, or not what its name says."""

    code = "archive_invalid"


class EncryptedArchiveError(ArchiveError):
    """Its members cannot be read without a password."""

    code = "archive_encrypted"


class UnsafeArchiveError(ArchiveError):
    """A member's name leads out of the archive."""

    code = "archive_unsafe"


class DepthError(ArchiveError):
    """An archive within archives, deeper than allowed. The outer ones are not at fault."""

    code = "archive_limit"


class LimitError(ArchiveError):
    """More files or bytes than allowed, counting all archives within."""

    code = "archive_limit"


class Kind(Enum):
    """What a member is."""

    FILE = auto()
    FOLDER = auto()
    LINK = auto()
    SPECIAL = auto()


@dataclass(frozen=True, slots=True)
class Member:
    """One member. `name` is relative, with ``/``, and stays within; `open` gives the bytes of a
    file, and must be called before the next member is asked for."""

    name: str
    kind: Kind
    size: int
    open: Callable[[], IO[bytes]]


@dataclass(slots=True)
class Budget:
    """How much an archive may give, with all archives within.

    `ratio` is of unpacked bytes to those of the outermost archive, and counts from
    `ratio_from_bytes` on: less harms nobody, however well it was packed.
    """

    max_files: int
    max_bytes: int
    ratio: float
    archive_bytes: int
    files: int = 0
    bytes: int = 0
    ratio_from_bytes: ClassVar[int] = 8 << 20

    def spend(self, *, files: int = 0, n_bytes: int = 0) -> None:
        """Count what was found, and raise `LimitError` when it is too much."""
        self.foresee(files=files, n_bytes=n_bytes)
        self.files += files
        self.bytes += n_bytes

    def foresee(self, *, files: int, n_bytes: int) -> None:
        """Raise `LimitError` when so much more would be too much."""
        if self.files + files > self.max_files:
            raise LimitError(f"an archive must hold at most {self.max_files} files, got more")
        size = self.bytes + n_bytes
        if size > self.max_bytes:
            raise LimitError(f"an archive must unpack to at most {self.max_bytes} bytes, got more")
        if size > self.ratio_from_bytes and size > self.ratio * self.archive_bytes:
            raise LimitError(
                f"an archive must unpack to at most {self.ratio:g} times its size, got more"
            )


def members(archive: IO[bytes], budget: Budget) -> Iterator[Member]:
    """The members of an archive, in its order; `budget` is charged for what is not a member.

    Raises
    ------
    ArchiveError
        And whatever zipfile, tarfile and the decompressors raise: see `watcher.unpacking`.
    """
    head = archive.read(6)
    archive.seek(0)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        yield from _zip_members(archive, budget)
        return
    for magic, opener in DECOMPRESSORS.items():
        if head.startswith(magic):
            with opener(archive) as stream:
                yield from _tar_members(stream, budget)
            return
    yield from _tar_members(archive, budget)


def _zip_members(archive: IO[bytes], budget: Budget) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as opened:
        found = opened.infolist()
        if any(info.flag_bits & ENCRYPTED for info in found):
            raise EncryptedArchiveError("a zip must not be encrypted")
        budget.foresee(files=len(found), n_bytes=sum(info.file_size for info in found))
        for info in found:
            # Up to a NUL, `filename` hides what others may read.
            name = safe_name(info.orig_filename)
            yield Member(name, _zip_kind(info), info.file_size, partial(opened.open, info))


def _zip_kind(info: zipfile.ZipInfo) -> Kind:
    if info.is_dir():
        return Kind.FOLDER
    mode = info.external_attr >> 16
    if stat.S_ISLNK(mode):
        return Kind.LINK
    return Kind.FILE if stat.S_IFMT(mode) in (0, stat.S_IFREG) else Kind.SPECIAL


class _StrictTarInfo(tarfile.TarInfo):
    """tarfile takes a broken or missing header after the first member for the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.TarError:
            if len(buf) == BLOCK_BYTES and not any(buf):
                raise  # the end
            raise ArchiveError(NO_TAR) from None


def _tar_members(stream: IO[bytes], budget: Budget) -> Iterator[Member]:
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_StrictTarInfo) as opened:
        while (info := opened.next()) is not None:
            opened.members.clear()  # type: ignore[attr-defined]  # it would grow for ever
            if info.size < 0:
                raise ArchiveError(NO_TAR)
            name, kind = safe_name(info.name), _tar_kind(info)
            yield Member(name, kind, info.size, partial(_opened, opened, info))
    while data := stream.read(CHUNK_BYTES):  # to the check sums at the end
        budget.spend(n_bytes=len(data))


def _tar_kind(info: tarfile.TarInfo) -> Kind:
    if info.issym() or info.islnk():
        return Kind.LINK
    if not (info.isreg() or info.isdir()):
        return Kind.SPECIAL
    try:
        # Beside our own checks; the folder is not written to.
        tarfile.data_filter(info, tempfile.gettempdir())
    except tarfile.FilterError:
        raise UnsafeArchiveError("a member must stay within its archive") from None
    return Kind.FOLDER if info.isdir() else Kind.FILE


def _opened(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = archive.extractfile(info)
    if file is None:
        raise ArchiveError(NO_TAR)
    return file


def safe_name(name: str) -> str:
    """A member's name with ``/`` alone, without empty parts and ``.``; empty for the archive's own
    folder.

    Raises
    ------
    UnsafeArchiveError
        Absolute, with a drive letter, ``..`` or NUL, too long; as it is, or as it reads after
        Unicode normalisation (NFKC).
    """
    parts = _checked_parts(name)
    _checked_parts(unicodedata.normalize("NFKC", name))
    return "/".join(parts)


def _checked_parts(name: str) -> list[str]:
    try:
        size = len(name.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        raise UnsafeArchiveError("a member's name must be text") from None
    if size > LONGEST_NAME:
        raise UnsafeArchiveError(f"a member's name must be at most {LONGEST_NAME} bytes")
    unified = name.replace("\\", "/")  # as some programs of Windows write it
    parts = [part for part in unified.split("/") if part not in ("", ".")]
    if "\0" in name or unified.startswith("/") or re.match(r"\s*[A-Za-z]:", "/".join(parts)):
        raise UnsafeArchiveError("a member's name must be relative, without drive letter and NUL")
    if ".." in (part.strip() for part in parts):
        raise UnsafeArchiveError("a member's name must not hold ..")
    return parts
