"""Writing and reading the audit: who did what."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from db.tables.audit_table import Action, AuditLine


def record_action(
    session: Session,
    action: Action,
    *,
    actor: str,
    detail: str,
    now: datetime,
    study_id: int | None = None,
    job_id: int | None = None,
) -> None:
    """Write one line, in the transaction of what was done. Never commits."""
    session.execute(
        insert(AuditLine),
        {
            "at": now,
            "actor": actor[:200],
            "action": action,
            "study_id": study_id,
            "job_id": job_id,
            "detail": detail,
        },
    )


def audit_lines(
    session: Session, *, limit: int, before: int | None = None, study_id: int | None = None
) -> Sequence[AuditLine]:
    """The newest lines first; `before`: only those with a smaller id."""
    query = select(AuditLine).order_by(AuditLine.id.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditLine.id < before)
    if study_id is not None:
        query = query.where(AuditLine.study_id == study_id)
    return session.scalars(query).all()
