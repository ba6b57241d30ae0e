"""Recording that a study has arrived: one transaction, whoever else is doing the same."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from db.jobs import create_first_job, create_job
from db.tables.tables import FileStatus, Instance, Snapshot, SourceFile, Study
from db.upsert import upsert


@dataclass(frozen=True, slots=True)
class SpooledInstance:
    """One DICOM instance whose bytes are in the spool under `sha256`: of a snapshot, or about to
    join the next.
    """

    series_instance_uid: str
    sop_instance_uid: str
    modality: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ArrivedFile:
    """A file of the inbox, by the id of its row, and the instance that it gave."""

    file_id: int
    instance: SpooledInstance


@dataclass(frozen=True, slots=True)
class LockedStudy:
    """A study whose row is held until the transaction ends: nobody else gives it a revision."""

    id: int
    newest: int
    """Its newest revision; 0 where it has none yet."""


@dataclass(frozen=True, slots=True)
class StudyIntake:
    """A whole study: what an earlier snapshot has, and what came since.

    Raises
    ------
    ValueError
        No instance, or one SOPInstanceUID twice.
    """

    instances: tuple[SpooledInstance, ...]

    def __post_init__(self) -> None:
        uids = {instance.sop_instance_uid for instance in self.instances}
        if not uids or len(uids) != len(self.instances):
            raise ValueError(
                f"instances must be at least one, each SOPInstanceUID once,"
                f" got {len(self.instances)} with {len(uids)} UIDs"
            )

    @property
    def digest(self) -> str:
        """SHA-256, hex, over the sorted (SOPInstanceUID, file hash)."""
        lines = sorted(f"{one.sop_instance_uid} {one.sha256}\n" for one in self.instances)
        return hashlib.sha256("".join(lines).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class IntakeOutcome:
    """What recording a study did."""

    study_id: int
    snapshot_id: int
    revision: int
    job_id: int | None
    known: bool
    """Exactly these bytes had arrived before: no new snapshot, and a job only for new settings."""


def record_intake(
    session: Session,
    study: LockedStudy,
    intake: StudyIntake,
    *,
    model_version: str,
    settings_digest: str,
    now: datetime,
) -> IntakeOutcome:
    """Record a study as the next snapshot with a job.

    Bytes that are known make no snapshot, and no job where model and settings are known as well.
    Never commits.
    """
    known = _known_snapshot(session, study, intake) if study.newest else None
    if known is None:
        revision = study.newest + 1
        snapshot_id = _insert_snapshot(session, study.id, revision, intake, now=now)
    else:
        snapshot_id, revision = known
    if revision < study.newest:
        return IntakeOutcome(study.id, snapshot_id, revision, None, known=True)
    create = create_job if study.newest else create_first_job
    job_id = create(
        session,
        snapshot_id=snapshot_id,
        model_version=model_version,
        settings_digest=settings_digest,
        now=now,
    )
    return IntakeOutcome(study.id, snapshot_id, revision, job_id, known=known is not None)


def lock_study(session: Session, study_instance_uid: str, *, now: datetime) -> LockedStudy:
    """The study, its row made if need be and held until the caller's transaction ends.

    Of two watchers one wins, the other waits for it and sees a known study. Whoever locks several
    does so in the order of their UIDs. Never commits.
    """
    made = session.scalar(
        upsert(session, Study)
        .values(study_instance_uid=study_instance_uid, created_at=now)
        .on_conflict_do_nothing(index_elements=["study_instance_uid"])
        .returning(Study.id)
    )
    if made is not None:
        return LockedStudy(made, newest=0)
    study_id = session.scalars(
        select(Study.id)
        .where(Study.study_instance_uid == study_instance_uid)
        .with_for_update(key_share=True)
    ).one()
    newest = select(func.max(Snapshot.revision)).where(Snapshot.study_id == study_id)
    return LockedStudy(study_id, session.scalar(newest) or 0)


def latest_instances(session: Session, study: LockedStudy) -> list[SpooledInstance]:
    """The instances of the study's newest snapshot, by SOPInstanceUID. Empty when it has none."""
    if not study.newest:
        return []
    newest = select(Snapshot.id).where(
        Snapshot.study_id == study.id, Snapshot.revision == study.newest
    )
    return snapshot_instances(session, session.scalars(newest).one())


def snapshot_instances(session: Session, snapshot_id: int) -> list[SpooledInstance]:
    """The instances of one snapshot, by SOPInstanceUID."""
    rows = session.execute(
        select(
            Instance.series_instance_uid,
            Instance.sop_instance_uid,
            Instance.modality,
            Instance.size,
            Instance.sha256,
        )
        .where(Instance.snapshot_id == snapshot_id)
        .order_by(Instance.sop_instance_uid)
    )
    return [SpooledInstance(*row) for row in rows]


def spooled_hashes(session: Session, hashes: Collection[str]) -> set[str]:
    """Those of some SHA-256s that a snapshot refers to."""
    return set(session.scalars(select(Instance.sha256).where(Instance.sha256.in_(hashes))))


def _known_snapshot(
    session: Session, study: LockedStudy, intake: StudyIntake
) -> tuple[int, int] | None:
    """Id and revision of the snapshot that has exactly these bytes."""
    known = session.execute(
        select(Snapshot.id, Snapshot.revision).where(
            Snapshot.study_id == study.id, Snapshot.digest == intake.digest
        )
    ).one_or_none()
    return None if known is None else (known.id, known.revision)


def _insert_snapshot(
    session: Session, study_id: int, revision: int, intake: StudyIntake, *, now: datetime
) -> int:
    snapshot_id = session.scalars(
        insert(Snapshot)
        .values(
            study_id=study_id,
            revision=revision,
            digest=intake.digest,
            n_instances=len(intake.instances),
            n_bytes=sum(instance.size for instance in intake.instances),
            created_at=now,
        )
        .returning(Snapshot.id)
    ).one()
    rows = [
        {
            "snapshot_id": snapshot_id,
            "series_instance_uid": instance.series_instance_uid,
            "sop_instance_uid": instance.sop_instance_uid,
            "modality": instance.modality,
            "size": instance.size,
            "sha256": instance.sha256,
        }
        for instance in intake.instances
    ]
    session.execute(insert(Instance), rows)
    return snapshot_id


def mark_ingested(session: Session, files: Sequence[tuple[int, ArrivedFile]]) -> None:
    """Move files to INGESTED, each with the id of the study that has its instance.

    Give them in the order of their paths, in which `db.intake.files.see` locks their rows. Never
    commits.
    """
    rows = [
        {
            "id": file.file_id,
            "status": FileStatus.INGESTED,
            "reason": None,
            "sop_instance_uid": file.instance.sop_instance_uid,
            "sha256": file.instance.sha256,
            "study_id": study_id,
        }
        for study_id, file in files
    ]
    if rows:
        session.execute(update(SourceFile), rows)
