"""A result whose findings still hold: the same networks, settings and files of its series."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session, aliased

from db.results.rows import read_artifact, read_brain, read_dropped, read_lesion
from db.tables.result_tables import ArtifactRow, DroppedCandidate, LesionRow, Mask, Result
from db.tables.tables import Instance, Job, Outcome, Snapshot
from imaging.brain_seen import BrainSeen
from imaging.export.artifact import Artifact
from imaging.lesions.lesion import Dropped, Lesion
from metseg.compute import Compute


@dataclass(frozen=True, slots=True)
class EarlierResult:
    """What a result recorded of its segmentation. Artifacts' paths are relative to the results."""

    result_id: int
    series_instance_uid: str
    versions: Mapping[str, Any]
    lesions: tuple[Lesion, ...]
    dropped: tuple[Dropped, ...]
    brain: BrainSeen | None
    artifacts: tuple[Artifact, ...]
    agreement: float | None
    expected_dice: float | None
    entropy: float | None
    compute: Compute | None
    mask_nifti_gz: bytes = field(repr=False)


def earlier_result(session: Session, job_id: int) -> EarlierResult | None:
    """The newest result of a job's study by the job's networks and settings, if its series has the
    same files in the job's snapshot: what arrived since has not changed what was found.
    """
    row = session.execute(_newest_segmented(), {"job_id": job_id}).one_or_none()
    if row is None:
        return None
    result, before, now = row
    uid = result.series_instance_uid
    if _files(session, before, uid) != _files(session, now, uid):
        return None
    return _recorded(session, result)


@cache
def _newest_segmented() -> Select[Result, int, int]:
    """That result, its snapshot and the snapshot of the job `job_id`. Kept: each job asks."""
    job, own = aliased(Job), aliased(Snapshot)
    return (
        select(Result, Job.snapshot_id, job.snapshot_id)
        .join(Job, Job.id == Result.job_id)
        .join(Snapshot, Snapshot.id == Job.snapshot_id)
        .join(own, own.study_id == Snapshot.study_id)
        .join(job, job.snapshot_id == own.id)
        .where(
            job.id == bindparam("job_id"),
            Result.outcome == Outcome.SEGMENTED,
            Job.model_version == job.model_version,
            Job.settings_digest == job.settings_digest,
        )
        .order_by(Snapshot.revision.desc(), Result.id.desc())
        .limit(1)
    )


def _files(
    session: Session, snapshot_id: int, series_instance_uid: str | None
) -> set[tuple[str, str]]:
    rows = session.execute(
        select(Instance.sop_instance_uid, Instance.sha256).where(
            Instance.snapshot_id == snapshot_id,
            Instance.series_instance_uid == series_instance_uid,
        )
    )
    return {(row.sop_instance_uid, row.sha256) for row in rows}


def _recorded(session: Session, result: Result) -> EarlierResult:
    of_result = {"result_id": result.id}
    lesions = select(LesionRow).filter_by(**of_result).order_by(LesionRow.number)
    dropped = select(DroppedCandidate).filter_by(**of_result).order_by(DroppedCandidate.id)
    files = select(ArtifactRow).filter_by(**of_result).order_by(ArtifactRow.id)
    return EarlierResult(
        result_id=result.id,
        series_instance_uid=result.series_instance_uid or "",
        versions=result.versions,
        lesions=tuple(map(read_lesion, session.scalars(lesions))),
        dropped=tuple(map(read_dropped, session.scalars(dropped))),
        brain=read_brain(result),
        artifacts=tuple(read_artifact(one) for one in session.scalars(files)),
        agreement=result.agreement,
        expected_dice=result.expected_dice,
        entropy=result.entropy,
        compute=Compute.of(result.compute),
        mask_nifti_gz=session.get_one(Mask, result.id).nifti_gz,
    )
