"""The outbox: which file of which result goes where, and how far it is."""

import enum
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.result_tables import ArtifactRow, Result
from db.tables.tables import UID, Base, Id
from db.tables.types import UtcDateTime, words


class PushState(enum.StrEnum):
    """Where a push stands. Only a person moves it on from `FAILED`: `metseg pushes --retry`."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


class Push(Base):
    """One DICOM file of a result for one destination. It is sent once."""

    __tablename__ = "push"
    __table_args__ = (
        UniqueConstraint("artifact_id", "destination"),
        Index("ix_push_state_run_after", "state", "run_after"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    result_id: Mapped[int] = mapped_column(ForeignKey(Result.id, ondelete="CASCADE"), index=True)
    artifact_id: Mapped[int] = mapped_column(ForeignKey(ArtifactRow.id, ondelete="CASCADE"))
    destination: Mapped[str] = mapped_column(String(300))
    """``AET@HOST:PORT``."""
    automatic: Mapped[bool]
    """A setting asked for it: it waits again when a command that sends it is refused. What only a
    command asked for is `FAILED` then.
    """
    state: Mapped[PushState] = mapped_column(words(PushState))
    sop_instance_uid: Mapped[str | None] = mapped_column(UID)
    """Recorded just before it is first sent."""
    attempt: Mapped[int] = mapped_column(default=0)
    fence: Mapped[int] = mapped_column(default=0)
    owner: Mapped[str | None] = mapped_column(String(200))
    """Who sends it: the name of a row in `worker`, or ``cli:…``."""
    run_after: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it is due; while a command sends it, when others may take it over."""
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_message: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
