"""What the database knows of the inbox, kept in memory so that a scan costs no query.

The memory changes only after a commit: a write that failed is seen as missing, and done again.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session, sessionmaker

from db.intake.files import KnownFile, load_known, see, set_status
from db.intake.fingerprint import Fingerprint
from db.session import read_only
from db.tables.tables import FileStatus
from watcher.scan.inbox import INSIDE, stored_path
from watcher.scan.packed import PackedFiles

BATCH = 200
"""Files per transaction: a thousand at once cost 20 MB of compiled SQL."""
GONE = "gone: it left the inbox before it was taken in"


class Ledger:
    """Rows of `source_file` by stored path. Give it the paths of `watcher.scan.inbox`."""

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self._sessions = sessions
        self._known = PackedFiles()
        self.loaded = False

    def get(self, path: str) -> KnownFile | None:
        """What is known of a path of the inbox."""
        return self._known.get(stored_path(path))

    def load(self) -> None:
        """Read all rows once."""
        known = PackedFiles()
        with self._sessions() as session:
            for path, file in load_known(read_only(session)):
                known.put(path, file)
        self._known, self.loaded = known, True

    def see(
        self, files: Mapping[str, Fingerprint], *, now: datetime, beat: Callable[[], None]
    ) -> None:
        """Record new and changed files. What another watcher has done with them is kept."""
        paths = list(files)
        for start in range(0, len(paths), BATCH):
            batch = {stored_path(path): files[path] for path in paths[start : start + BATCH]}
            with self._sessions.begin() as session:
                known = see(session, batch, now=now)
            for path, file in known.items():
                self._known.put(path, file)
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
        """Close the files that wait, but are not among the present paths any more. Files of an
        archive that is present may still come out of it."""
        here = {stored_path(path) for path in present}
        gone = [
            key
            for key in self._known.open
            if key not in here and key.partition(INSIDE)[0] not in here
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
        """Take over what another transaction has just committed."""
        self._note([stored_path(path) for path in paths], status, reason)

    def _note(self, keys: Sequence[str], status: FileStatus, reason: str | None) -> None:
        for key in keys:
            self._known.put(key, replace(self._known[key], status=status, reason=reason))
