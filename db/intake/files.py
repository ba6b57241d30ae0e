"""What is known of the files below the inbox."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Select, or_, select, update
from sqlalchemy.orm import Session

from db.intake.fingerprint import Fingerprint
from db.tables.tables import FileStatus, SourceFile
from db.upsert import upsert

CHUNK = 1000
"""Rows a statement: SQLite takes at most 32 766 parameters, PostgreSQL 65 535."""
SLICE = 200
"""Rows read at once: a thousand cost 20 MB."""
DONE = frozenset({FileStatus.INGESTED, FileStatus.IGNORED, FileStatus.QUARANTINED})
PASSING = ("unreadable", "gone", "unpaired")
"""Reasons that begin so may pass: such files are tried again."""


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file below the inbox as the database has it; `reason` says why it is not taken in."""

    id: int
    fingerprint: Fingerprint
    status: FileStatus
    reason: str | None = None

    @property
    def done(self) -> bool:
        """Whether nothing is to be done with these bytes any more."""
        return self.status in DONE

    @property
    def passing(self) -> bool:
        """Whether it is done only for now: it could not be read, or is gone."""
        return may_pass(self.reason)


@dataclass(frozen=True, slots=True)
class IngestedFile:
    """A file that was taken in: what it was then, and the instance that it gave."""

    id: int
    path: str
    fingerprint: Fingerprint
    sop_instance_uid: str | None
    sha256: str | None


def may_pass(reason: str | None) -> bool:
    """Whether a file that was refused for this reason is to be tried again."""
    return reason is not None and reason.startswith(PASSING)


def see(
    session: Session, files: Mapping[str, Fingerprint], *, now: datetime
) -> dict[str, KnownFile]:
    """Record files as SEEN; returns them as they stand now. Never commits.

    Both are by path, relative to the inbox. A known path whose size, mtime or inode changed is SEEN
    again; one that did not change stays as it is, whatever another watcher has done with it.
    """
    # By path: two watchers then wait for each other in one order.
    rest = iter(sorted(files.items()))
    known: dict[str, KnownFile] = {}
    while chunk := list(islice(rest, CHUNK)):
        _upsert(session, chunk, now=now)
        paths = [path for path, _ in chunk]
        known |= _read(session, _KNOWN.where(SourceFile.path.in_(paths)))
    return known


def set_status(
    session: Session,
    file_ids: Sequence[int],
    status: FileStatus,
    *,
    reason: str | None = None,
    sop_instance_uid: str | None = None,
) -> None:
    """Move files to `status`. `reason` says why, for people; no path, no patient. Never commits."""
    values: dict[str, object] = {"status": status, "reason": reason}
    if sop_instance_uid is not None:
        values["sop_instance_uid"] = sop_instance_uid
    for start in range(0, len(file_ids), CHUNK):
        session.execute(
            update(SourceFile)
            .where(SourceFile.id.in_(file_ids[start : start + CHUNK]))
            .values(values)
            .execution_options(synchronize_session=False)
        )


def load_known(session: Session) -> Iterator[tuple[str, KnownFile]]:
    """Every file with its path. Read in slices: a large inbox must not become a large process."""
    return _read(session, _KNOWN.execution_options(yield_per=SLICE))


def ingested_files(session: Session, study_id: int) -> Iterator[IngestedFile]:
    """The files of a study that were taken in."""
    query = select(
        SourceFile.id,
        SourceFile.path,
        SourceFile.size,
        SourceFile.mtime_ns,
        SourceFile.inode,
        SourceFile.sop_instance_uid,
        SourceFile.sha256,
    ).where(SourceFile.study_id == study_id, SourceFile.status == FileStatus.INGESTED)
    for file_id, path, size, mtime_ns, inode, sop_uid, sha256 in session.execute(query):
        yield IngestedFile(file_id, path, _fingerprint(size, mtime_ns, inode), sop_uid, sha256)


_KNOWN = select(
    SourceFile.id,
    SourceFile.path,
    SourceFile.size,
    SourceFile.mtime_ns,
    SourceFile.inode,
    SourceFile.status,
    SourceFile.reason,
)


def _read(session: Session, query: Select[*tuple[Any, ...]]) -> Iterator[tuple[str, KnownFile]]:
    for file_id, path, size, mtime_ns, inode, status, reason in session.execute(query):
        yield path, KnownFile(file_id, _fingerprint(size, mtime_ns, inode), status, reason)


def _fingerprint(size: int, mtime_ns: int, inode: str) -> Fingerprint:
    """The inode is text in the database."""
    return Fingerprint(size, mtime_ns, int(inode))


def _upsert(session: Session, files: Sequence[tuple[str, Fingerprint]], *, now: datetime) -> None:
    statement = upsert(session, SourceFile).values(
        [
            {
                "path": path,
                "size": found.size,
                "mtime_ns": found.mtime_ns,
                "inode": str(found.inode),
                "first_seen_at": now,
                "status": FileStatus.SEEN,
            }
            for path, found in files
        ]
    )
    new = statement.excluded
    changed = or_(
        SourceFile.size != new.size,
        SourceFile.mtime_ns != new.mtime_ns,
        SourceFile.inode != new.inode,
    )
    values = {
        "size": new.size,
        "mtime_ns": new.mtime_ns,
        "inode": new.inode,
        "status": FileStatus.SEEN,
        "reason": None,
    }
    session.execute(
        statement.on_conflict_do_update(index_elements=["path"], set_=values, where=changed)
    )
