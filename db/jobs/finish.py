"""Recording what a job found: one fenced transaction."""

import hashlib
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from db.jobs.claims import Claim, held_by
from db.jobs.current import replace_current
from db.jobs.making import lock_study_of
from db.jobs.states import EventCode, record_event
from db.outbox.pushes import enqueue
from db.results.new_result import NewResult
from db.results.rows import (
    brain_columns,
    columns_of,
    evaluation_columns,
    lesion_columns,
    series_columns,
)
from db.tables.result_tables import (
    ArtifactRow,
    DroppedCandidate,
    EvaluationRow,
    LesionRow,
    Mask,
    RefusedReferenceRow,
    Result,
    SeriesChoice,
)
from db.tables.tables import Base, Job, JobState, Snapshot
from metseg.compute import entry
from metseg.errors import LostLeaseError


def finalise(
    session: Session,
    claim: Claim,
    result: NewResult,
    *,
    now: datetime,
    push_to: str | None = None,
) -> int:
    """RUNNING to SUCCEEDED, with everything that was found. Returns the result's id. Never commits.

    The result becomes the study's current one, unless one of a newer revision, or of a later wish
    for the same one, is there already. The DICOM files of a current one are put in the outbox for
    `push_to`.

    Raises
    ------
    LostLeaseError
        The fence has moved: roll back and discard the work.
    """
    _succeed(session, claim, now=now)
    # Two results of one study decide one after the other which is current.
    study_id = lock_study_of(session, claim.snapshot_id)
    current = _becomes_current(session, claim, study_id)
    result_id = session.scalars(
        insert(Result)
        .values(
            job_id=claim.job_id,
            study_id=study_id,
            fence=claim.fence,
            is_current=current,
            created_at=now,
            **_columns(result),
        )
        .returning(Result.id)
    ).one()
    _insert_parts(session, result_id, result, now=now)
    if current and push_to is not None:
        enqueue(session, result_id, push_to, now=now, automatic=True)
    return result_id


def _succeed(session: Session, claim: Claim, *, now: datetime) -> None:
    done = session.scalar(
        update(Job)
        .where(held_by(claim))
        .values(
            state=JobState.SUCCEEDED,
            owner=None,
            progress=None,
            finished_at=now,
            error_code=None,
            error_message=None,
        )
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    )
    if done is None:
        raise LostLeaseError(f"job {claim.job_id} must hold fence {claim.fence}, it moved on")
    record_event(
        session,
        claim.job_id,
        (JobState.RUNNING, JobState.SUCCEEDED),
        fence=claim.fence,
        actor=claim.owner,
        code=EventCode.FINALISED,
        now=now,
    )


def _becomes_current(session: Session, claim: Claim, study_id: int) -> bool:
    """Whether our result is to be the current one; the one before it then is no more."""
    order = select(Snapshot.revision, Job.wish, Job.id).join(Job, Job.snapshot_id == Snapshot.id)
    theirs = session.execute(
        order.join(Result, Result.job_id == Job.id).where(
            Result.study_id == study_id, Result.is_current
        )
    ).one_or_none()
    if theirs is None:
        return True
    ours = session.execute(order.where(Job.id == claim.job_id)).one()
    if tuple(theirs) > tuple(ours):
        return False
    replace_current(session, study_id)
    return True


def _columns(result: NewResult) -> dict[str, Any]:
    return {
        "outcome": result.outcome,
        "series_instance_uid": result.series_instance_uid,
        "n_lesions": result.n_lesions,
        "total_volume_mm3": result.total_volume_mm3,
        "agreement": result.agreement,
        "expected_dice": result.expected_dice,
        "entropy": result.entropy,
        **brain_columns(result.brain),
        "warnings": list(result.warnings),
        "timings_s": dict(result.timings_s),
        "versions": dict(result.versions),
        "compute": entry(result.compute),
        "directory": result.directory,
    }


def _insert_parts(session: Session, result_id: int, result: NewResult, *, now: datetime) -> None:
    parts: dict[type[Base], list[dict[str, Any]]] = {
        SeriesChoice: [series_columns(series) for series in result.series],
        LesionRow: [lesion_columns(lesion) for lesion in result.lesions],
        DroppedCandidate: [columns_of(dropped) for dropped in result.dropped],
        ArtifactRow: [columns_of(artifact) for artifact in result.artifacts],
        EvaluationRow: [
            evaluation_columns(one) | {"created_at": now} for one in result.evaluations
        ],
        RefusedReferenceRow: [
            columns_of(one) | {"created_at": now} for one in result.refused_references
        ],
    }
    if result.mask_nifti_gz is not None:
        sha256 = hashlib.sha256(result.mask_nifti_gz).hexdigest()
        parts[Mask] = [{"nifti_gz": result.mask_nifti_gz, "sha256": sha256}]
    for table, rows in parts.items():
        if rows:
            session.execute(insert(table), [row | {"result_id": result_id} for row in rows])
