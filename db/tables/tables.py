"""The tables of intake and queue. Those of results are in `db.tables.result_tables`.

`docs/schema.md` explains them to people who write SQL.

The database is the queue of record (reliability.md): a Celery message is only a doorbell.
"""

import enum
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from db.tables.types import UtcDateTime, words

Id = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite counts up by itself only in columns that are exactly INTEGER."""

SHA256 = String(64)
UID = String(64)


class FileStatus(enum.StrEnum):
    """Where a file of the inbox stands."""

    SEEN = "seen"
    SETTLED = "settled"
    INGESTED = "ingested"
    IGNORED = "ignored"
    QUARANTINED = "quarantined"


class JobState(enum.StrEnum):
    """Where a job stands. The legal edges are in `db.jobs.states`."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Outcome(enum.StrEnum):
    """What a finished job found. Zero lesions is `SEGMENTED`."""

    SEGMENTED = "segmented"
    NO_SERIES = "no_series"


class Role(enum.StrEnum):
    """What a process of metseg does."""

    WATCHER = "watcher"
    WORKER = "worker"


class Base(DeclarativeBase):
    """Naming convention: constraints have the same names on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Study(Base):
    """One StudyInstanceUID, whatever the folders it came from."""

    __tablename__ = "study"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    study_instance_uid: Mapped[str] = mapped_column(UID, unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SourceFile(Base):
    """One path below the inbox, as last seen."""

    __tablename__ = "source_file"
    __table_args__ = (Index("ix_source_file_status_id", "status", "id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    path: Mapped[str] = mapped_column(Text, unique=True)
    """Relative to the inbox. May name a patient: never logged, `id` is."""
    size: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    inode: Mapped[str] = mapped_column(String(20))
    """Decimal: unsigned 64 bits do not fit a database integer."""
    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[FileStatus] = mapped_column(words(FileStatus))
    reason: Mapped[str | None] = mapped_column(Text)
    sop_instance_uid: Mapped[str | None] = mapped_column(UID)
    sha256: Mapped[str | None] = mapped_column(SHA256)
    study_id: Mapped[int | None] = mapped_column(ForeignKey("study.id"), index=True)


class Snapshot(Base):
    """Exactly these bytes of a study. Late slices make the next revision, a copy makes nothing."""

    __tablename__ = "snapshot"
    __table_args__ = (
        UniqueConstraint("study_id", "digest"),
        UniqueConstraint("study_id", "revision"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    revision: Mapped[int]
    digest: Mapped[str] = mapped_column(SHA256)
    """SHA-256 over the sorted (SOPInstanceUID, file hash)."""
    n_instances: Mapped[int]
    n_bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Instance(Base):
    """One DICOM instance of a snapshot. Its bytes are in the spool under `sha256`."""

    __tablename__ = "instance"
    __table_args__ = (UniqueConstraint("snapshot_id", "sop_instance_uid"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    snapshot_id: Mapped[int] = mapped_column(ForeignKey("snapshot.id", ondelete="CASCADE"))
    series_instance_uid: Mapped[str] = mapped_column(UID, index=True)
    sop_instance_uid: Mapped[str] = mapped_column(UID)
    modality: Mapped[str] = mapped_column(String(16))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(SHA256, index=True)


WAITS = text("state = 'pending'")


class Job(Base):
    """One segmentation of a snapshot by a model with its settings: the queue of record."""

    __tablename__ = "job"
    __table_args__ = (
        UniqueConstraint("snapshot_id", "model_version", "settings_digest"),
        CheckConstraint("state <> 'running' OR owner IS NOT NULL", name="running_has_owner"),
        CheckConstraint("state = 'running' OR owner IS NULL", name="only_running_has_owner"),
        CheckConstraint(
            "attempt >= 0 AND fence >= 0 AND hb_seq >= 0", name="counters_not_negative"
        ),
        Index("ix_job_state_id", "state", "id"),
        Index("ix_job_next", "state", "priority", "id", sqlite_where=WAITS, postgresql_where=WAITS),
        Index("ix_job_rung", "state", "published_at", sqlite_where=WAITS, postgresql_where=WAITS),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    snapshot_id: Mapped[int] = mapped_column(ForeignKey("snapshot.id"))
    model_version: Mapped[str] = mapped_column(String(100))
    settings_digest: Mapped[str] = mapped_column(SHA256)
    state: Mapped[JobState] = mapped_column(words(JobState))
    priority: Mapped[int] = mapped_column(default=0)
    """Higher runs first."""
    run_after: Mapped[datetime] = mapped_column(UtcDateTime)
    attempt: Mapped[int] = mapped_column(default=0)
    """Counted at the claim, so that a crash loop ends."""
    wish: Mapped[int] = mapped_column(default=1)
    """Grows with every job asked for on a snapshot: the result of the last one is current."""
    infra_retries: Mapped[int] = mapped_column(default=0)
    fence: Mapped[int] = mapped_column(default=0)
    """Grows with every claim; whoever holds an older one has lost the job."""
    hb_seq: Mapped[int] = mapped_column(default=0)
    owner: Mapped[str | None] = mapped_column(String(200))
    progress: Mapped[str | None] = mapped_column(String(100))
    """What a running job is doing just now, such as "infer 40 %"."""
    claimed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error_code: Mapped[str | None] = mapped_column(String(50))
    error_message: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class JobEvent(Base):
    """Append-only history, written in the transaction of each transition."""

    __tablename__ = "job_event"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    old_state: Mapped[JobState | None] = mapped_column(words(JobState, name="old_state"))
    """None when the job was made."""
    new_state: Mapped[JobState] = mapped_column(words(JobState, name="new_state"))
    fence: Mapped[int]
    actor: Mapped[str] = mapped_column(String(200))
    code: Mapped[str] = mapped_column(String(50))
    """What happened: see `db.jobs.states.EventCode`, or the code of an error."""
    detail: Mapped[str | None] = mapped_column(Text)


class Worker(Base):
    """A living process: for `metseg status`, health checks and how many doorbells to ring."""

    __tablename__ = "worker"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    role: Mapped[Role] = mapped_column(words(Role))
    name: Mapped[str] = mapped_column(String(200), unique=True)
    host: Mapped[str] = mapped_column(String(200))
    pid: Mapped[int]
    version: Mapped[str] = mapped_column(String(50))
    beat: Mapped[int] = mapped_column(default=0)
    """Grows while the process lives; whoever watches it compares on a clock of its own."""
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    paused_reason: Mapped[str | None] = mapped_column(Text)
    """Why it takes no jobs just now, such as a full disk."""
    device: Mapped[str | None] = mapped_column(Text)
    """What it computes on, ``cpu`` or a GPU; None: nothing yet, or not a worker."""
    devices_left_out: Mapped[str | None] = mapped_column(Text)
    """Devices of its host that failed and are not used for a while, and why."""
