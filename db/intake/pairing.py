"""Which studies are known by a UID, or lie in a folder."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.tables.tables import FileStatus, Instance, Snapshot, SourceFile, Study

FEW = 2
"""More than one is ambiguous, however many there are."""


def known_study(session: Session, uid: str) -> str | None:
    """The StudyInstanceUID of a known study that has this UID itself or in one of its series."""
    of_series = (
        select(Study.study_instance_uid)
        .join(Snapshot, Snapshot.study_id == Study.id)
        .join(Instance, Instance.snapshot_id == Snapshot.id)
        .where(Instance.series_instance_uid == uid)
    )
    by_itself = select(Study.study_instance_uid).where(Study.study_instance_uid == uid)
    return session.scalar(by_itself) or session.scalar(of_series.limit(1))


def studies_below(session: Session, folder: str, *, deep: bool) -> set[str]:
    """StudyInstanceUIDs, at most `FEW`, of the files taken in from a folder of the inbox.

    `deep`: and from those below it. The inbox itself is the empty string.
    """
    start = f"{folder}/" if folder else ""
    below = SourceFile.path.startswith(start, autoescape=True)
    further = SourceFile.path.like(f"{_escaped(start)}%/%", escape="\\")
    query = (
        select(Study.study_instance_uid)
        .join(SourceFile, SourceFile.study_id == Study.id)
        .where(SourceFile.status == FileStatus.INGESTED, below)
    )
    if not deep:
        query = query.where(~further)
    return set(session.scalars(query.distinct().limit(FEW)))


def _escaped(text: str) -> str:
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    return text
