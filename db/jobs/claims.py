"""Taking a job and holding it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from db.jobs.queue import WAITS, due_jobs, is_due, ring_again
from db.jobs.states import EXHAUSTED, EventCode, record_event
from db.tables.tables import Job, JobEvent, JobState, Snapshot


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that is ours until its fence moves."""

    job_id: int
    fence: int
    attempt: int
    """1 at the first claim; a refunded one is not counted."""
    snapshot_id: int
    study_id: int
    owner: str
    model_version: str
    settings_digest: str


@dataclass(frozen=True, slots=True)
class Lease:
    """Somebody's running job as it looked at one moment."""

    job_id: int
    fence: int
    hb_seq: int
    owner: str
    attempt: int


def claim(
    session: Session,
    job_id: int,
    *,
    owner: str,
    now: datetime,
    max_attempts: int,
    model_version: str | None = None,
    settings_digest: str | None = None,
) -> Claim | None:
    """Take a pending job. None when somebody else has it, or its doorbell is an old one.

    One guarded UPDATE: of any number of callers one wins, so that a message delivered twice does
    the work once. A job that waits after a failure is taken when its wait is over on our clock, or
    when the reconciler rang again, whatever our clock says. With a model and settings, only jobs
    made for these. Never commits.
    """
    guard = [
        Job.id == job_id,
        Job.attempt < max_attempts,
        *_made_for(model_version, settings_digest),
    ]
    claimed = _take(session, guard, owner=owner, now=now)
    if claimed is None:
        _give_up(session, job_id, now=now, max_attempts=max_attempts)
        return None
    record_event(
        session,
        job_id,
        (JobState.PENDING, JobState.RUNNING),
        fence=claimed.fence,
        actor=owner,
        code=EventCode.CLAIMED,
        now=now,
        detail=f"attempt {claimed.attempt} of {max_attempts}",
    )
    return claimed


def _take(
    session: Session, guard: list[ColumnElement[bool]], *, owner: str, now: datetime
) -> Claim | None:
    rung = or_(is_due(now), Job.published_at.is_not(None))
    row = session.execute(
        update(Job)
        .where(Job.state == JobState.PENDING, rung, *guard)
        .values(
            state=JobState.RUNNING,
            owner=owner,
            attempt=Job.attempt + 1,
            fence=Job.fence + 1,
            hb_seq=0,
            progress=None,
            claimed_at=now,
        )
        .returning(
            Job.id,
            Job.fence,
            Job.attempt,
            Job.snapshot_id,
            select(Snapshot.study_id).where(Snapshot.id == Job.snapshot_id).scalar_subquery(),
            Job.model_version,
            Job.settings_digest,
        )
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if row is None:
        return None
    job_id, fence, attempt, snapshot_id, study_id, model_version, settings_digest = row
    return Claim(
        job_id, fence, attempt, snapshot_id, study_id, owner, model_version, settings_digest
    )


def claim_next(
    session: Session,
    *,
    owner: str,
    now: datetime,
    max_attempts: int,
    model_version: str | None = None,
    settings_digest: str | None = None,
    above: int | None = None,
) -> Claim | None:
    """Take the first due job: highest priority, then oldest. None when nothing is due.

    With a model and settings, only jobs made for these; with `above`, only of higher priority.
    Never commits.
    """
    ours = _made_for(model_version, settings_digest)
    if above is not None:
        ours.append(Job.priority > above)
    while first := due_jobs(session, *ours, now=now, limit=1, locked=True):
        claimed = claim(session, first[0], owner=owner, now=now, max_attempts=max_attempts)
        if claimed is not None:
            return claimed
    return None


def claim_rung(
    session: Session,
    job_id: int,
    *,
    owner: str,
    now: datetime,
    max_attempts: int,
    model_version: str | None = None,
    settings_digest: str | None = None,
) -> Claim | None:
    """Answer a doorbell: take its job, or a due one of higher priority, for that came later and
    must not wait. The doorbell then rings again. None as of `claim`. Never commits.
    """
    highest = select(func.max(Job.priority)).where(WAITS)
    row = session.execute(
        select(Job.priority, highest.scalar_subquery()).where(Job.id == job_id)
    ).one_or_none()
    terms: dict[str, Any] = {
        "owner": owner,
        "now": now,
        "max_attempts": max_attempts,
        "model_version": model_version,
        "settings_digest": settings_digest,
    }
    if row is not None and (row[1] or 0) > row[0]:
        urgent = claim_next(session, **terms, above=row[0])
        if urgent is not None:
            ring_again(session, job_id)
            return urgent
    return claim(session, job_id, **terms)


def _made_for(model_version: str | None, settings_digest: str | None) -> list[ColumnElement[bool]]:
    wanted = ((Job.model_version, model_version), (Job.settings_digest, settings_digest))
    return [column == value for column, value in wanted if value is not None]


def beat(session: Session, claim: Claim, progress: str | None = None) -> bool:
    """Say that we still work on it, and at which stage we are (cut to 100 characters).

    False when the fence has moved: we lost it. Never commits.
    """
    held = session.scalar(
        update(Job)
        .where(held_by(claim))
        .values(hb_seq=Job.hb_seq + 1, progress=progress[:100] if progress else None)
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    )
    return held is not None


def held_by(claim: Claim) -> ColumnElement[bool]:
    """The guard of everything that a worker does to its job."""
    return (Job.id == claim.job_id) & (Job.fence == claim.fence) & (Job.state == JobState.RUNNING)


def _give_up(session: Session, job_id: int, *, now: datetime, max_attempts: int) -> None:
    """End a waiting job with no attempt left: the allowed number was lowered while it waited."""
    fence = session.scalar(
        update(Job)
        .where(Job.id == job_id, Job.state == JobState.PENDING, Job.attempt >= max_attempts)
        .values(
            state=JobState.FAILED,
            finished_at=now,
            error_code=EXHAUSTED,
        )
        .returning(Job.fence)
        .execution_options(synchronize_session=False)
    )
    if fence is not None:
        record_event(
            session,
            job_id,
            (JobState.PENDING, JobState.FAILED),
            fence=fence,
            actor="claim",
            code=EXHAUSTED,
            now=now,
        )


def claimants(session: Session, job_id: int, fence: int) -> list[str]:
    """Names of the owners to whom this fence of a job was given out: one, or none."""
    return list(
        session.scalars(
            select(JobEvent.actor).where(
                JobEvent.job_id == job_id,
                JobEvent.fence == fence,
                JobEvent.code == EventCode.CLAIMED,
            )
        )
    )


def holds_fence(session: Session, job_id: int, fence: int) -> bool:
    """Whether a job runs under this fence now."""
    held = select(Job.id).where(Job.id == job_id, Job.fence == fence, Job.state == JobState.RUNNING)
    return session.scalar(held) is not None
