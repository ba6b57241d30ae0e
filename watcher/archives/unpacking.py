"""Unpacks an archive into numbered files, within limits.

A name in an archive is never used as a name on the disk, so none can lead out: it is only recorded.
"""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from watcher.archives.archive_members import CHUNK_BYTES, members
from watcher.archives.archive_rules import Budget, Kind, Member
from watcher.reading.archive_errors import ArchiveError, DepthError, LimitError
from watcher.reading.kinds import is_archive
from watcher.scan.inbox import skip_folder, skip_name


class OwnDiskError(Exception):
    """The disk that is unpacked to cannot be written; `full` says whether space would help."""

    def __init__(self, message: str, *, full: bool) -> None:
        super().__init__(message)
        self.full = full


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of an archive. `name` is its path in there, with ``//`` after an archive within.

    `number` names its bytes in the folder. Without one, `skip` says why it is passed over,
    `code` and `message` why it is refused; without any of these it is too large.
    """

    name: str
    size: int
    number: int | None = None
    skip: str | None = None
    code: str | None = None
    message: str | None = None


@dataclass(slots=True)
class Unpacker:
    """Unpacks one archive into `folder`, and the archives within, `max_depth` deep.

    `go_on` is called before each piece is written, and may raise to end it. A file of more than
    `max_file_bytes` is passed over.
    """

    folder: Path
    budget: Budget
    max_file_bytes: int
    max_depth: int
    go_on: Callable[[], None]
    entries: list[Entry] = field(default_factory=list)
    _names: set[str] = field(default_factory=set)
    _written: int = 0

    def unpack(
        self, archive: IO[bytes], *, name: str = "", within: str = "", depth: int = 1
    ) -> None:
        """Fill `entries` and the folder. `name` is the archive's own.

        Raises
        ------
        ArchiveError
            The archive is refused as a whole.
        OwnDiskError
            The disk is full, or fails.
        OSError
            The archive cannot be read just now.
        """
        with _damage_understood():
            for member in members(archive, self.budget, name=name):
                self.budget.spend(files=1)
                if member.kind is not Kind.FOLDER:
                    path = self._unique(within + (member.name or "unnamed"))
                    self.entries.append(self._entry(member, path, depth))

    def _entry(self, member: Member, name: str, depth: int) -> Entry:
        if member.kind is Kind.LINK:
            return Entry(name, 0, skip="link")
        skip = "not a regular file" if member.kind is Kind.SPECIAL else _skip(member.name)
        if skip is not None or member.size > self.max_file_bytes:
            self.budget.spend(n_bytes=member.size)  # they cost time to pass over
            return Entry(name, member.size, skip=skip)
        number = self._copy(member)
        if is_archive(name, self.folder / str(number)):
            return self._inner(name, number, member.size, depth)
        return Entry(name, member.size, number)

    def _inner(self, name: str, number: int, size: int, depth: int) -> Entry:
        """Unpack an archive within. A fault of this one leaves the other files as they are."""
        before = len(self.entries)
        path = self.folder / str(number)
        try:
            if depth >= self.max_depth:
                raise DepthError(f"archives must nest at most {self.max_depth} deep")
            with path.open("rb") as archive:
                self.unpack(archive, name=name, within=f"{name}//", depth=depth + 1)
        except LimitError:
            raise
        except ArchiveError as error:
            for entry in self.entries[before:]:
                if entry.number is not None:
                    (self.folder / str(entry.number)).unlink()
            del self.entries[before:]
            return Entry(name, size, code=error.code, message=str(error))
        finally:
            path.unlink()
        return Entry(name, size, skip=f"unpacked: {len(self.entries) - before} files")

    def _copy(self, member: Member) -> int:
        """Write one file; returns its number."""
        number, size = self._written, 0
        self._written += 1
        with member.open() as source, _own_disk(), (self.folder / str(number)).open("xb") as copy:
            while chunk := _read(source):
                size += len(chunk)
                self.budget.spend(n_bytes=len(chunk))
                self.go_on()
                copy.write(chunk)
        if size != member.size:
            raise ArchiveError("archive must hold its files whole, got a part of one")
        return number

    def _unique(self, name: str) -> str:
        """The name, or another where the archive has it twice."""
        unique, count = name, 1
        while unique in self._names:
            count += 1
            unique = f"{name}#{count}"
        self._names.add(unique)
        return unique


def _skip(name: str) -> str | None:
    """Why a member is passed over, by the rules of the inbox."""
    *folders, own = name.split("/")
    return next((why for folder in folders if (why := skip_folder(folder))), None) or skip_name(own)


class _ReadError(Exception):
    """Carries an error of reading past `_own_disk`."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error


def _read(source: IO[bytes]) -> bytes:
    try:
        return source.read(CHUNK_BYTES)
    except OSError as error:
        raise _ReadError(error) from error


@contextmanager
def _own_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise OwnDiskError(error.strerror or "no reason given", full=full) from error


@contextmanager
def _damage_understood() -> Iterator[None]:
    """Turn whatever the readers raise over bad data into an `ArchiveError`, without their words:
    these quote names."""
    try:
        yield
    except (ArchiveError, OwnDiskError, MemoryError):
        raise
    except Exception as error:
        cause = error.error if isinstance(error, _ReadError) else error
        # Decompressors raise OSError without a number; an offset below zero gives EINVAL.
        if isinstance(cause, OSError) and cause.errno not in (None, errno.EINVAL):
            raise cause from None
        raise ArchiveError(
            f"archive must be whole and of a known kind, its reader gave {type(cause).__name__}"
        ) from None
