"""What an archive holds, member by member: zip; tar, plain or packed; one packed DICOM file."""

import tarfile
import tempfile
from collections.abc import Iterator
from functools import partial
from typing import IO, Self

from imaging.dicom.files.encoding import START_BYTES, begins_as_dicom
from watcher.archives.archive_rules import Budget, Kind, Member, safe_name
from watcher.archives.zip_members import is_zip, zip_members
from watcher.reading.archive_errors import ArchiveError, KindError, UnsafeArchiveError
from watcher.reading.kinds import DECOMPRESSORS, kind_by_start

CHUNK_BYTES = 1 << 20
BLOCK_BYTES = 512
NO_TAR = "archive must be a whole zip or tar, got something else or a part"


def members(archive: IO[bytes], budget: Budget, *, name: str) -> Iterator[Member]:
    """The members of an archive, in its order; `budget` is charged for what is not a member.

    `name` is the archive's own: a packed file is named after it.

    Raises
    ------
    ArchiveError
        And whatever zipfile, tarfile and the decompressors raise: see `watcher.archives.unpacking`.
    """
    head = archive.read(8)
    archive.seek(0)
    if is_zip(archive, head):
        yield from zip_members(archive, budget)
        return
    unopened = kind_by_start(head)
    if unopened is not None:
        raise KindError(unopened)
    for magic, opener in DECOMPRESSORS.items():
        if head.startswith(magic):
            with opener(archive) as stream:
                yield from _packed_members(stream, budget, name)
            return
    yield from _tar_members(archive, budget)


def _packed_members(stream: IO[bytes], budget: Budget, name: str) -> Iterator[Member]:
    start = stream.read(START_BYTES)
    stream.seek(0)
    if begins_as_dicom(start):
        yield _packed_file(stream, budget, name)
    else:
        yield from _tar_members(stream, budget)


def _packed_file(stream: IO[bytes], budget: Budget, name: str) -> Member:
    """The only file in a stream. Its size is known only when it has been read to its end."""
    size = 0
    while data := stream.read(CHUNK_BYTES):
        size += len(data)
        budget.foresee(files=1, n_bytes=size)
    stream.seek(0)
    try:
        own = safe_name(name.rpartition("/")[2].rpartition(".")[0])
    except UnsafeArchiveError:
        own = ""
    return Member(own, Kind.FILE, size, lambda: stream)


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
        # In addition to the checks above; the folder is not written to.
        tarfile.data_filter(info, tempfile.gettempdir())
    except tarfile.FilterError:
        raise UnsafeArchiveError("a member must stay within its archive") from None
    return Kind.FOLDER if info.isdir() else Kind.FILE


def _opened(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = archive.extractfile(info)
    if file is None:
        raise ArchiveError(NO_TAR)
    return file
