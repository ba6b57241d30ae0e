"""How many files of the inbox were left alone, by reason."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.tables.tables import FileStatus, SourceFile
from db.tables.types import stands

LEFT_ALONE = (FileStatus.QUARANTINED, FileStatus.IGNORED)
TOLD_WHOLE = ("archive_kind", "archive_method")
"""Codes whose messages are few, and say what to do."""
NEWEST = 2_000
"""Files of each status that are looked at: people look often, and reasons are long to read."""


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A number of files with one status. `reason` is the part of the reason that they share."""

    status: FileStatus
    reason: str
    files: int
    of_newest: bool = False
    """There may be more files with this status: only the `NEWEST` were counted."""


def left_alone(session: Session) -> list[LeftAlone]:
    """What was ignored or quarantined: quarantined files first, of each the most common first.

    Only the `NEWEST` files of each status are looked at.
    """
    found: list[LeftAlone] = []
    for status in LEFT_ALONE:
        newest = (
            select(SourceFile.reason)
            .where(stands(SourceFile.status, status))
            .order_by(SourceFile.id.desc())
            .limit(NEWEST)
            .subquery()
        )
        counted: Counter[str] = Counter()
        rows = select(newest.c.reason, func.count()).group_by(newest.c.reason)
        for reason, files in session.execute(rows):
            counted[stable_part(reason or "")] += files
        of_newest = counted.total() == NEWEST
        found += [LeftAlone(status, reason, files, of_newest) for reason, files in counted.items()]
    return sorted(found, key=lambda one: (LEFT_ALONE.index(one.status), -one.files, one.reason))


def stable_part(reason: str) -> str:
    """The code of a reason, without what differs between files; a reason without code is whole."""
    code = reason.partition(":")[0]
    return reason if code in TOLD_WHOLE else code
