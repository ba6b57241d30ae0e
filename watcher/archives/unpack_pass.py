"""Unpacks one archive at a time in a child process with limits of memory and time.

The child stays for the next archive, since a study may come as hundreds of small ones; it is ended
after an archive that gave no files, or very many.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from db.intake.fingerprint import Fingerprint
from metseg.errors import InfrastructureError
from watcher.archives.unpack_child import MANIFEST
from watcher.archives.unpacked_folders import UnpackedFolders
from watcher.archives.unpacking import Entry
from watcher.reading.header_pass import Refusal
from watcher.reading.json_child import ChildDiedError, JsonChild, NoAnswerYetError

CRASH = "archive_crash"
TIME_LIMIT_S = 1800.0
"""16 GB at 10 MB/s: far beyond any honest archive."""
MOST_KEPT = 1000
"""Files in an archive after which the child is ended: its memory is fragmented."""


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    """What an archive may hold; see `watcher.archives.archive_rules.Budget` and `Unpacker`."""

    max_files: int
    max_bytes: int
    max_file_bytes: int
    ratio: float
    max_depth: int


@dataclass(slots=True)
class Unpacked:
    """What was in an archive. The files lie in `folder`, by number, until it is closed."""

    folder: Path
    _close: Callable[[], None]

    def entries(self) -> Iterator[Entry]:
        """All files of the archive."""
        with (self.folder / MANIFEST).open() as manifest:
            for line in manifest:
                yield Entry(**json.loads(line))

    def close(self) -> None:
        """Delete the folder."""
        self._close()


class MovedArchive:
    """The archive changed while it was read."""


class FullDisk:
    """There is too little space for what is in the archive."""


Outcome = Unpacked | Refusal | MovedArchive | FullDisk


@dataclass(slots=True)
class UnpackPass:
    """Start one archive, and ask until there is an outcome. Close it at the end."""

    spool_dir: Path
    limits: UnpackLimits
    min_free_bytes: int
    time_limit_s: float = TIME_LIMIT_S
    _child: JsonChild = field(init=False)
    _folder: Path | None = None
    """Of the archive that is being unpacked."""
    _folders: UnpackedFolders = field(init=False)
    _end: float = 0.0

    def __post_init__(self) -> None:
        self._child = JsonChild("watcher.archives.unpack_child")
        self._folders = UnpackedFolders(self.spool_dir)

    def start(self, archive: Path, fingerprint: Fingerprint) -> None:
        """Begin with one archive; `fingerprint` is what it must have.

        Raises
        ------
        InfrastructureError
            The spool cannot be written; `DiskFullError` when it is full.
        """
        self._folder = self._folders.add()
        request = {
            "source": str(archive),
            "fingerprint": asdict(fingerprint),
            "folder": str(self._folder),
            "limits": asdict(self.limits),
            "min_free_bytes": self.min_free_bytes,
            "parent": os.getpid(),
        }
        self._child.ask(request)
        self._end = time.monotonic() + self.time_limit_s

    def outcome(self, seconds: float) -> Outcome | None:
        """What came of the archive; None when it is not known within `seconds`.

        Raises
        ------
        InfrastructureError
            The spool cannot be written, for another reason than space.
        """
        try:
            return self._understand(self._child.answer(seconds))
        except NoAnswerYetError:
            if time.monotonic() < self._end:
                return None
            self.close()
            return Refusal("archive_timeout", f"unpacking took over {self.time_limit_s:g} s")
        except ChildDiedError:
            self.close()
            return Refusal(CRASH, "unpacking ended the unpacking process")

    def _understand(self, answer: dict[str, Any]) -> Outcome:
        if "entries" in answer:
            folder, self._folder = self._folder, None
            assert folder is not None
            if answer["entries"] > MOST_KEPT:
                self._child.close()
            return Unpacked(folder, lambda: self._folders.drop(folder))
        self.close()
        if "full" in answer:
            if answer["full"]:
                return FullDisk()
            raise InfrastructureError(f"the spool must be writable, got {answer['message']}")
        if "moved" in answer:
            return MovedArchive()
        if "unreadable" in answer:
            return Refusal("unreadable", answer["message"], again=True)
        return Refusal(answer["refuse"], answer["message"])

    def close(self) -> None:
        """End the child, if there is one, and delete what it has written of an archive that is not
        done."""
        self._child.close()
        if self._folder is not None:
            self._folders.drop(self._folder)
            self._folder = None
