"""The tables, by what they guarantee. `docs/schema.md` explains them to people who write SQL.

The database is the queue of record (reliability.md): a Celery message is only a doorbell.
"""

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from db.types import UtcDateTime, words

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
    """Where a job stands. The legal edges are in `db.states`."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Outcome(enum.StrEnum):
    """What a finished job found. Zero lesions is `SEGMENTED`."""

    SEGMENTED = "segmented"
    NO_SERIES = "no_series"


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

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    path: Mapped[str] = mapped_column(Text, unique=True)
    """Relative to the inbox. May name a patient: never logged, `id` is."""
    size: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    inode: Mapped[str] = mapped_column(String(20))
    """Decimal: unsigned 64 bits do not fit a database integer."""
    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[FileStatus] = mapped_column(words(FileStatus), index=True)
    reason: Mapped[str | None] = mapped_column(Text)
    sop_instance_uid: Mapped[str | None] = mapped_column(UID)
    sha256: Mapped[str | None] = mapped_column(SHA256)
    study_id: Mapped[int | None] = mapped_column(ForeignKey("study.id"), index=True)


class Snapshot(Base):
    """Exactly these bytes of a study. Late slices make the next revision; a copy elsewhere makes nothing."""

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
    series_instance_uid: Mapped[str] = mapped_column(UID)
    sop_instance_uid: Mapped[str] = mapped_column(UID)
    modality: Mapped[str] = mapped_column(String(16))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(SHA256, index=True)


class Job(Base):
    """One segmentation of one snapshot by one model with one set of settings: the queue of record."""

    __tablename__ = "job"
    __table_args__ = (
        UniqueConstraint("snapshot_id", "model_version", "settings_digest"),
        CheckConstraint("state <> 'running' OR owner IS NOT NULL", name="running_has_owner"),
        CheckConstraint("state = 'running' OR owner IS NULL", name="only_running_has_owner"),
        CheckConstraint(
            "attempt >= 0 AND fence >= 0 AND hb_seq >= 0", name="counters_not_negative"
        ),
        Index("ix_job_due", "state", "run_after", "priority"),
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
    infra_retries: Mapped[int] = mapped_column(default=0)
    fence: Mapped[int] = mapped_column(default=0)
    """Grows with every claim; whoever holds an older one has lost the job."""
    hb_seq: Mapped[int] = mapped_column(default=0)
    owner: Mapped[str | None] = mapped_column(String(200))
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
    old_state: Mapped[JobState | None] = mapped_column(words(JobState))
    """None when the job was made."""
    new_state: Mapped[JobState] = mapped_column(words(JobState))
    fence: Mapped[int]
    actor: Mapped[str] = mapped_column(String(200))
    code: Mapped[str] = mapped_column(String(50))
    """What happened: created, claimed, finalised, lease_expired, superseded, retry, or an error's code."""
    detail: Mapped[str | None] = mapped_column(Text)


class Result(Base):
    """What a job found. Never overwritten: a newer run stands beside it, and one a study is current."""

    __tablename__ = "result"
    __table_args__ = (
        Index(
            "uq_result_current",
            "study_id",
            unique=True,
            sqlite_where=text("is_current"),
            postgresql_where=text("is_current"),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), unique=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    fence: Mapped[int]
    is_current: Mapped[bool]
    outcome: Mapped[Outcome] = mapped_column(words(Outcome))
    series_instance_uid: Mapped[str | None] = mapped_column(UID)
    """The series that was segmented; None with `no_series`."""
    n_lesions: Mapped[int | None]
    total_volume_mm3: Mapped[float | None]
    agreement: Mapped[float | None]
    """Dice between the members' own masks. Not Dice: no reference is involved."""
    expected_dice: Mapped[float | None]
    entropy: Mapped[float | None]
    warnings: Mapped[list[str]] = mapped_column(JSON)
    timings_s: Mapped[dict[str, float]] = mapped_column(JSON)
    """Seconds by stage: read, prepare, infer, lesions, write."""
    versions: Mapped[dict[str, Any]] = mapped_column(JSON)
    directory: Mapped[str] = mapped_column(Text)
    """Relative to the results folder; its name carries job and fence."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SeriesChoice(Base):
    """Every series of the study that a result looked at, and why it was taken or not."""

    __tablename__ = "series"
    __table_args__ = (UniqueConstraint("result_id", "series_instance_uid"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    result_id: Mapped[int] = mapped_column(ForeignKey("result.id", ondelete="CASCADE"))
    series_instance_uid: Mapped[str] = mapped_column(UID)
    modality: Mapped[str] = mapped_column(String(16))
    n_instances: Mapped[int]
    chosen: Mapped[bool]
    eligible: Mapped[bool]
    score: Mapped[float]
    reasons_for: Mapped[list[str]] = mapped_column(JSON)
    reasons_against: Mapped[list[str]] = mapped_column(JSON)


class LesionRow(Base):
    """One lesion of a result, numbered from 1, largest first."""

    __tablename__ = "lesion"
    __table_args__ = (UniqueConstraint("result_id", "number"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    result_id: Mapped[int] = mapped_column(ForeignKey("result.id", ondelete="CASCADE"))
    number: Mapped[int]
    tracking_uid: Mapped[str] = mapped_column(UID)
    voxel_count: Mapped[int]
    volume_mm3: Mapped[float]
    longest_diameter_mm: Mapped[float]
    perpendicular_diameter_mm: Mapped[float]
    centroid_l_mm: Mapped[float]
    centroid_p_mm: Mapped[float]
    centroid_s_mm: Mapped[float]
    mean_probability: Mapped[float]
    measurable: Mapped[bool]
    """RANO-BM: longest diameter at least 10 mm and its perpendicular at least 5 mm."""


class DroppedCandidate(Base):
    """A candidate that the rules threw out, and why: dropped is not lost."""

    __tablename__ = "dropped_candidate"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    result_id: Mapped[int] = mapped_column(ForeignKey("result.id", ondelete="CASCADE"), index=True)
    reason: Mapped[str] = mapped_column(Text)
    volume_mm3: Mapped[float]
    centroid_l_mm: Mapped[float]
    centroid_p_mm: Mapped[float]
    centroid_s_mm: Mapped[float]


class Mask(Base):
    """The label volume itself, so that the database alone answers."""

    __tablename__ = "mask"

    result_id: Mapped[int] = mapped_column(
        ForeignKey("result.id", ondelete="CASCADE"), primary_key=True
    )
    nifti_gz: Mapped[bytes] = mapped_column(LargeBinary)
    """Gzipped NIfTI-1, voxel value = lesion number, native grid, RAS affine."""
    sha256: Mapped[str] = mapped_column(SHA256)


class Artifact(Base):
    """One file of a result."""

    __tablename__ = "artifact"
    __table_args__ = (UniqueConstraint("result_id", "kind", "path"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    result_id: Mapped[int] = mapped_column(ForeignKey("result.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(30))
    path: Mapped[str] = mapped_column(Text)
    """Relative to the results folder."""
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(SHA256)


class EvaluationRow(Base):
    """A result measured against a real reference. Nothing else is ever called Dice."""

    __tablename__ = "evaluation"
    __table_args__ = (UniqueConstraint("result_id", "reference_sha256"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    result_id: Mapped[int] = mapped_column(ForeignKey("result.id", ondelete="CASCADE"))
    reference_sha256: Mapped[str] = mapped_column(SHA256)
    reference_kind: Mapped[str] = mapped_column(String(30))
    dice: Mapped[float]
    lesion_dice: Mapped[float | None]
    hd95_mm: Mapped[float | None]
    true_positives: Mapped[int]
    false_positives: Mapped[int]
    false_negatives: Mapped[int]
    reference_volume_mm3: Mapped[float]
    volume_error_mm3: Mapped[float]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Role(enum.StrEnum):
    """What a process of ours does."""

    WATCHER = "watcher"
    WORKER = "worker"


class Worker(Base):
    """A living process, for `metseg status`, the health checks and for how many doorbells to ring."""

    __tablename__ = "worker"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    role: Mapped[Role] = mapped_column(words(Role))
    name: Mapped[str] = mapped_column(String(200), unique=True)
    host: Mapped[str] = mapped_column(String(200))
    pid: Mapped[int]
    version: Mapped[str] = mapped_column(String(50))
    beat: Mapped[int] = mapped_column(default=0)
    """Grows while the process lives; who watches it compares on a clock of its own."""
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    paused_reason: Mapped[str | None] = mapped_column(Text)
    """Why it takes no jobs just now, such as a full disk."""
