"""What the database knows of the inbox, kept in memory so that a scan costs no query.

The memory changes only after a commit: a write that failed is seen as missing, and done again.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session, sessionmaker

from db.intake.files import KnownFile, SeenFile, see, set_status
from db.session import read_only
from db.tables.tables import FileStatus, SourceFile
from watcher.scan.inbox import INSIDE, stored_path
from watcher.scan.settle import Fingerprint

BATCH = 200
"""Files a transaction: a thousand at once cost 20 MB of compiled SQL."""
DONE = frozenset({FileStatus.INGESTED, FileStatus.IGNORED, FileStatus.QUARANTINED})
GONE = "gone: it left the inbox before it was taken in"
PASSING = ("unreadable", "gone", "unpaired")
"""Reasons that begin so may pass: such files are tried again."""


@dataclass(frozen=True, slots=True)
class Known:
    """One file as the database has it."""

    id: int
    fingerprint: Fingerprint
    status: FileStatus
    passing: bool = False
    """Done for now: unreadable, or gone."""

    @property
    def done(self) -> bool:
        """Whether nothing is to be done with these bytes any more."""
        return self.status in DONE


class Ledger:
    """Rows of `source_file` by stored path. Give it the paths of `watcher.scan.inbox`."""

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self._sessions = sessions
        self._known: dict[str, Known] = {}
        self.loaded = False

    def get(self, path: str) -> Known | None:
        """What is known of a path of the inbox."""
        return self._known.get(stored_path(path))

    def load(self) -> None:
        """Read all rows once, in slices: a large inbox must not become a large process."""
        with self._sessions() as session:
            rows = read_only(session).execute(_columns().execution_options(yield_per=BATCH))
            self._known = {row.path: _known(row) for row in rows}
        self.loaded = True

    def see(
        self, files: Mapping[str, Fingerprint], *, now: datetime, beat: Callable[[], None]
    ) -> None:
        """Record new and changed files. What another watcher has done with them counts."""
        paths = list(files)
        for start in range(0, len(paths), BATCH):
            seen = [_seen(path, files[path]) for path in paths[start : start + BATCH]]
            with self._sessions.begin() as session:
                rows = see(session, seen, now=now)
                known = {row.path: _known(row) for row in rows.values()}
            self._known |= known
            beat()

    def mark(
        self,
        paths: Sequence[str],
        status: FileStatus,
        *,
        reason: str | None = None,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        """Move files to a status, with its reason, in batches."""
        self._mark([stored_path(path) for path in paths], status, reason, beat)

    def mark_gone(self, present: Collection[str]) -> None:
        """Close the files that wait, but are not among the present paths any more. Those of a
        present archive may yet come out of it."""
        here = {stored_path(path) for path in present}
        gone = [
            key
            for key, known in self._known.items()
            if not known.done and key not in here and key.partition(INSIDE)[0] not in here
        ]
        self._mark(gone, FileStatus.IGNORED, GONE, lambda: None)

    def _mark(
        self,
        all_keys: Sequence[str],
        status: FileStatus,
        reason: str | None,
        beat: Callable[[], None],
    ) -> None:
        for start in range(0, len(all_keys), BATCH):
            keys = all_keys[start : start + BATCH]
            with self._sessions.begin() as session:
                ids = [self._known[key].id for key in keys]
                set_status(session, ids, status, reason=reason)
            self._note(keys, status, reason)
            beat()

    def note(self, paths: Sequence[str], status: FileStatus, *, reason: str | None = None) -> None:
        """Take over what somebody else's transaction has just committed."""
        self._note([stored_path(path) for path in paths], status, reason)

    def _note(self, keys: Sequence[str], status: FileStatus, reason: str | None) -> None:
        passing = may_pass(reason)
        for key in keys:
            self._known[key] = replace(self._known[key], status=status, passing=passing)


def may_pass(reason: str | None) -> bool:
    """Whether a file that was refused for this reason is to be tried again."""
    return reason is not None and reason.startswith(PASSING)


def _columns() -> Select[int, str, int, int, str, FileStatus, str | None]:
    return select(
        SourceFile.id,
        SourceFile.path,
        SourceFile.size,
        SourceFile.mtime_ns,
        SourceFile.inode,
        SourceFile.status,
        SourceFile.reason,
    )


def _known(row: KnownFile | Row[*tuple[Any, ...]]) -> Known:
    return Known(
        row.id,
        Fingerprint(row.size, row.mtime_ns, int(row.inode)),
        row.status,
        passing=may_pass(row.reason),
    )


def _seen(path: str, found: Fingerprint) -> SeenFile:
    return SeenFile(stored_path(path), found.size, found.mtime_ns, found.inode)
