"""How many files of the inbox were left alone, by reason."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.tables.tables import FileStatus, SourceFile

LEFT_ALONE = (FileStatus.QUARANTINED, FileStatus.IGNORED)
TOLD_WHOLE = ("archive_kind", "archive_method")
"""Codes whose messages are few, and say what to do."""


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A number of files with one status. `reason` is the part of the reason that they share."""

    status: FileStatus
    reason: str
    files: int


def left_alone(session: Session) -> list[LeftAlone]:
    """What was ignored or quarantined: quarantined files first, of each the most common first."""
    rows = session.execute(
        select(SourceFile.status, SourceFile.reason, func.count())
        .where(SourceFile.status.in_(LEFT_ALONE))
        .group_by(SourceFile.status, SourceFile.reason)
    )
    counted: Counter[tuple[FileStatus, str]] = Counter()
    for status, reason, files in rows:
        counted[status, stable_part(reason or "")] += files
    found = [LeftAlone(status, reason, files) for (status, reason), files in counted.items()]
    return sorted(found, key=lambda one: (LEFT_ALONE.index(one.status), -one.files, one.reason))


def stable_part(reason: str) -> str:
    """The code of a reason, without what differs between files; a reason without code is whole."""
    code = reason.partition(":")[0]
    return reason if code in TOLD_WHOLE else code
