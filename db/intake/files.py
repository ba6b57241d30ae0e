"""What is known of the files below the inbox."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Select, or_, select, update
from sqlalchemy.orm import Session

from db.tables.tables import FileStatus, SourceFile, Study
from db.upsert import upsert

CHUNK = 1000
"""Rows a statement: SQLite takes at most 32 766 parameters, PostgreSQL 65 535."""


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file as a scan saw it. `path` is relative to the inbox."""

    path: str
    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file as the database has it.

    The UIDs and hash are those of the bytes that were last taken in, also when it changed since.
    """

    id: int
    path: str
    size: int
    mtime_ns: int
    inode: int
    status: FileStatus
    reason: str | None
    sop_instance_uid: str | None
    sha256: str | None
    study_instance_uid: str | None


def see(session: Session, files: Iterable[SeenFile], *, now: datetime) -> dict[str, KnownFile]:
    """Record files as SEEN; returns them as they stand now, by path. Never commits.

    A known path whose size, mtime or inode changed is SEEN again; one that did not change stays as
    it is, whatever another watcher has done with it.
    """
    rest = iter(files)
    known: dict[str, KnownFile] = {}
    while chunk := list(islice(rest, CHUNK)):
        _upsert(session, chunk, now=now)
        paths = [file.path for file in chunk]
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
    """Move files to `status`. `reason` tells a person why; no path, no patient. Never commits."""
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


def load_known(session: Session) -> dict[str, KnownFile]:
    """Every file, by path."""
    return _read(session, _KNOWN)


_KNOWN = select(
    SourceFile.id,
    SourceFile.path,
    SourceFile.size,
    SourceFile.mtime_ns,
    SourceFile.inode,
    SourceFile.status,
    SourceFile.reason,
    SourceFile.sop_instance_uid,
    SourceFile.sha256,
    Study.study_instance_uid,
).outerjoin(Study, Study.id == SourceFile.study_id)


def _read(session: Session, query: Select[*tuple[Any, ...]]) -> dict[str, KnownFile]:
    rows = session.execute(query).mappings()
    # The inode is text in the database.
    return {row["path"]: KnownFile(**(dict(row) | {"inode": int(row["inode"])})) for row in rows}


def _upsert(session: Session, files: Sequence[SeenFile], *, now: datetime) -> None:
    # By path: two watchers then wait for each other in one order.
    unique = sorted({file.path: file for file in files}.values(), key=lambda file: file.path)
    statement = upsert(session, SourceFile).values(
        [
            {
                "path": file.path,
                "size": file.size,
                "mtime_ns": file.mtime_ns,
                "inode": str(file.inode),
                "first_seen_at": now,
                "status": FileStatus.SEEN,
            }
            for file in unique
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
