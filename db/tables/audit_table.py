"""The audit table: who did what. Apart from the history of jobs, which says what became of them."""

import enum
from datetime import datetime

from sqlalchemy import BigInteger, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.tables import Base, Id
from db.tables.types import UtcDateTime


class Action(enum.StrEnum):
    """What a person may do. New ones come with new versions, so no CHECK lists them."""

    RETRY = "retry"
    CANCEL = "cancel"
    FIRST = "first"


class AuditLine(Base):
    """One thing that a person did. Triggers of the database refuse to change or delete a line.

    `study_id` and `job_id` are plain numbers: a line outlives the rows that it speaks of.
    """

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_study_id", "study_id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(200))
    """Such as ``alice@host``, who typed a command there."""
    action: Mapped[Action] = mapped_column(String(16))
    study_id: Mapped[int | None] = mapped_column(BigInteger)
    job_id: Mapped[int | None] = mapped_column(BigInteger)
    detail: Mapped[str] = mapped_column(Text)
    """What changed, in words. No patient."""
