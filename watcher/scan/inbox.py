"""Looks at the inbox: metadata only. It opens and writes nothing, and follows no link."""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from db.intake.fingerprint import Fingerprint, fingerprint_of
from metseg.errors import InfrastructureError

PARTIAL_SUFFIXES = (
    ".part",  # Firefox, wget, KDE
    ".partial",  # Internet Explorer, Edge
    ".crdownload",  # Chrome
    ".download",  # Safari
    ".opdownload",  # Opera
    ".filepart",  # WinSCP
    ".aria2",
    ".tmp",
    ".temp",
    ".swp",
)
"""Names that copying programs give to what they have not finished."""
SYSTEM_NAMES = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db"})
SYSTEM_FOLDERS = frozenset(
    {
        "@eadir",  # thumbnails of Synology
        "@recycle",
        "@recently-snapshot",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "__macosx",
        "lost+found",
        "system volume information",
    }
)
"""Folders of file servers and systems, in lower case: nothing below them is listed."""
INSIDE = "//"
"""Between the path of an archive and that of a file in it: no other path contains it."""
LONGEST_STORED = 1000
"""Bytes of a path that the database takes as it is: PostgreSQL indexes no more than 2700."""
MARKER_FILE = ".metseg-complete"
"""Name of a marker file. One name for all sites, so that every sender's script may rely on it."""
MARKER = "marker"
"""Reason of a marker file: it is passed over, but it ends the wait for its folder."""


class InboxError(InfrastructureError):
    """The inbox cannot be read just now: a share that is away."""

    code = "inbox_unreachable"


@dataclass(frozen=True, slots=True)
class Sighting:
    """One entry. `path` is relative to the inbox; `skip` says why it is passed over.

    A folder that is passed over is an entry, with all that is in it.
    """

    path: str
    fingerprint: Fingerprint
    skip: str | None


@dataclass(slots=True)
class ScanReport:
    """How a scan went. Folders that could not be listed hide files: they are not gone."""

    unreadable_folders: int = 0

    @property
    def complete(self) -> bool:
        """Whether every folder could be listed."""
        return self.unreadable_folders == 0


def walk(inbox: Path, report: ScanReport, *, marker: str) -> Iterator[Sighting]:
    """Every entry below the inbox that is not a folder, and folders that are passed over.

    Raises
    ------
    InboxError
        The inbox itself cannot be listed.
    """
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(inbox / folder) as entries:
                for entry in entries:
                    path = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.is_dir(follow_symlinks=False) and not skip_folder(entry.name):
                        pending.append(path)
                    else:
                        yield from _sight(path, entry, marker)
        except OSError as error:
            if not folder:
                raise InboxError(f"inbox must be a readable folder, got {error.strerror}") from None
            report.unreadable_folders += not isinstance(error, FileNotFoundError)


def _sight(path: str, entry: os.DirEntry[str], marker: str) -> Iterator[Sighting]:
    """The entry, or nothing when it vanished between listing and looking."""
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return
    yield Sighting(
        path, fingerprint_of(status), _reason_to_skip(entry.name, status.st_mode, marker)
    )


def stored_path(path: str) -> str:
    """The path as the database holds it: itself, or a hash when it is too long or not text."""
    if path.isascii() and len(path) <= LONGEST_STORED:
        return path
    raw = os.fsencode(path)
    if len(raw) <= LONGEST_STORED:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            pass
    return f"?/{hashlib.sha256(raw).hexdigest()}"


def stands(inbox: Path, path: str, before: Fingerprint) -> bool:
    """Whether a file is as it was; for a file of an archive, whether the archive is. A file that
    cannot be looked at just now counts as unchanged.

    `path` is relative to the inbox, `before` the fingerprint that was recorded with it.
    """
    outermost, inside, _ = path.partition(INSIDE)
    try:
        now = fingerprint_of(os.lstat(inbox / outermost))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return now == before if not inside else inside_fingerprint(now, before.size) == before


def inside_fingerprint(archive: Fingerprint, size: int) -> Fingerprint:
    """The fingerprint of a file of `size` bytes in an archive: unchanged while the archive is."""
    return Fingerprint(size, archive.mtime_ns, archive.inode)


def skip_name(name: str) -> str | None:
    """Why a file of this name is passed over; None when it is not."""
    if name.startswith("."):
        return "hidden"  # as are the partial files of rsync
    low = name.lower()
    if low in SYSTEM_NAMES:
        return "system file"
    if low.endswith(PARTIAL_SUFFIXES) or low.startswith("~$"):
        return "partial file"
    return None


def skip_folder(name: str) -> str | None:
    """Why a folder of this name is passed over; None when it is not."""
    if name.startswith("."):
        return "hidden folder"  # .snapshot, .Trash, .rsync-partial
    return "system folder" if name.lower() in SYSTEM_FOLDERS else None


def _reason_to_skip(name: str, mode: int, marker: str) -> str | None:
    if stat.S_ISDIR(mode):
        return skip_folder(name)
    if stat.S_ISLNK(mode):
        return "link"
    if not stat.S_ISREG(mode):
        return "not a regular file"
    return MARKER if name == marker else skip_name(name)
