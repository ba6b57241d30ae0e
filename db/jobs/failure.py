"""Ends of an attempt without a result: the input's fault, or something that may pass."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, update
from sqlalchemy.orm import Session

from db.jobs.claims import Claim, Lease, held_by
from db.jobs.making import cancel_if_superseded
from db.jobs.queue import MAX_WAIT
from db.jobs.states import EXHAUSTED, record_event
from db.tables.tables import Job, JobState


@dataclass(frozen=True, slots=True)
class Setback:
    """Why an attempt ended without a result, and when the next may start."""

    code: str
    message: str
    run_after: datetime
    """At most `MAX_WAIT` from now counts."""
    refund: bool
    max_attempts: int


def fail(session: Session, claim: Claim, *, code: str, message: str, now: datetime) -> bool:
    """RUNNING to FAILED: the input is at fault and no retry will help.

    False when the fence has moved. Never commits.
    """
    failed = session.scalar(
        update(Job)
        .where(held_by(claim))
        .values(
            state=JobState.FAILED,
            owner=None,
            progress=None,
            finished_at=now,
            error_code=code,
            error_message=message,
        )
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    )
    if failed is None:
        return False
    record_event(
        session,
        claim.job_id,
        (JobState.RUNNING, JobState.FAILED),
        fence=claim.fence,
        actor=claim.owner,
        code=code,
        now=now,
        detail=message,
    )
    return True


def release(
    session: Session,
    claim: Claim,
    *,
    code: str,
    message: str,
    now: datetime,
    run_after: datetime,
    refund: bool,
    max_attempts: int,
) -> JobState | None:
    """Hand a job back after a failure that may pass.

    `refund`: infrastructure was at fault, the attempt does not count. Without it a job with no
    attempt left goes to FAILED ("exhausted"; its message keeps `code`). Returns the new state, or
    None when the fence has moved. Never commits.
    """
    setback = Setback(code, message, run_after, refund, max_attempts)
    return end_attempt(session, held_by(claim), claim, setback, now=now, actor=claim.owner)


def end_attempt(
    session: Session,
    guard: ColumnElement[bool],
    held: Claim | Lease,
    setback: Setback,
    *,
    now: datetime,
    actor: str,
) -> JobState | None:
    """RUNNING to PENDING, or to FAILED when the attempts are used up. None: `guard` refused.

    A job that a later one made pointless while it ran does not wait again: CANCELLED.
    """
    spent = not setback.refund and held.attempt >= setback.max_attempts
    state = JobState.FAILED if spent else JobState.PENDING
    changed = session.scalar(
        update(Job)
        .where(guard)
        .values(_after(held, setback, spent=spent, now=now))
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    )
    if changed is None:
        return None
    record_event(
        session,
        held.job_id,
        (JobState.RUNNING, state),
        fence=held.fence,
        actor=actor,
        code=setback.code,
        now=now,
        detail=setback.message,
    )
    if not spent and cancel_if_superseded(session, held.job_id, now=now):
        return JobState.CANCELLED
    return state


def _after(
    held: Claim | Lease, setback: Setback, *, spent: bool, now: datetime
) -> dict[str, object]:
    """The columns of a job whose attempt came to nothing."""
    code, message = setback.code, setback.message
    return {
        "state": JobState.FAILED if spent else JobState.PENDING,
        "owner": None,
        "progress": None,
        "published_at": None,
        "attempt": held.attempt - int(setback.refund),
        "infra_retries": Job.infra_retries + int(setback.refund),
        "run_after": min(setback.run_after, now + MAX_WAIT),
        "finished_at": now if spent else None,
        "error_code": EXHAUSTED if spent else code,
        "error_message": f"{code}: {message}" if spent else message,
    }
