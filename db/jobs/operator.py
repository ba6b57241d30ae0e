"""What a person may do to a job. Command, page and API call these; each writes an audit line."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from db.audit import record_action
from db.jobs.queue import WAITS
from db.jobs.states import EventCode, IllegalTransitionError, NoSuchJobError, record_event
from db.tables.audit_table import Action
from db.tables.tables import Job, JobState, Snapshot

_ANEW: Final[dict[str, Any]] = {
    "state": JobState.PENDING,
    "attempt": 0,
    "infra_retries": 0,
    "published_at": None,
    "finished_at": None,
    "error_code": None,
    "error_message": None,
}


@dataclass(frozen=True, slots=True)
class _Held:
    """A job as it stands; its row is ours until the transaction ends."""

    job_id: int
    study_id: int
    state: JobState
    fence: int
    priority: int
    error_code: str | None


def retry(session: Session, job_id: int, *, actor: str, now: datetime) -> str:
    """Let a job that failed, or that a person cancelled, wait again, with all attempts anew.

    Returns what was done, in words. Never commits.

    Raises
    ------
    NoSuchJobError, IllegalTransitionError
        No such job, or it did not fail and no person cancelled it.
    """
    job = _hold(session, job_id)
    if job.state is not JobState.CANCELLED or job.error_code != EventCode.CANCELLED:
        _must_be(job, {JobState.FAILED}, "to wait again")
    _change(session, job, _ANEW | {"run_after": now}, code=EventCode.RETRY, actor=actor, now=now)
    return _say(session, job, Action.RETRY, f"waits again; it was {job.state}", actor, now)


def cancel(session: Session, job_id: int, *, actor: str, now: datetime) -> str:
    """End a job that waits or runs. The process of a running one ends itself within a heartbeat,
    and nothing of it is recorded.

    Returns what was done, in words. Never commits.

    Raises
    ------
    NoSuchJobError, IllegalTransitionError
        No such job, or it has ended.
    """
    job = _hold(session, job_id)
    _must_be(job, {JobState.PENDING, JobState.RUNNING}, "to be cancelled")
    values = {
        "state": JobState.CANCELLED,
        "owner": None,
        "progress": None,
        "finished_at": now,
        "error_code": EventCode.CANCELLED,
        "error_message": None,
    }
    _change(session, job, values, code=EventCode.CANCELLED, actor=actor, now=now)
    return _say(session, job, Action.CANCEL, f"is cancelled; it was {job.state}", actor, now)


def first(session: Session, job_id: int, *, actor: str, now: datetime) -> str:
    """Put a waiting job before all others. One that waits after a failure waits no longer.

    Returns what was done, in words. Never commits.

    Raises
    ------
    NoSuchJobError, IllegalTransitionError
        No such job, or it does not wait.
    """
    job = _hold(session, job_id)
    _must_be(job, {JobState.PENDING}, "to come first")
    highest = select(func.max(Job.priority)).where(WAITS, Job.id != job_id)
    priority = max(job.priority, 1 + (session.scalar(highest) or 0), 1)
    session.execute(
        update(Job)
        .where(Job.id == job_id)
        .values(priority=priority, run_after=now, published_at=None)
        .execution_options(synchronize_session=False)
    )
    words = f"comes first: priority {priority}, before {job.priority}"
    return _say(session, job, Action.FIRST, words, actor, now)


def _hold(session: Session, job_id: int) -> _Held:
    row = session.execute(
        select(Job.id, Snapshot.study_id, Job.state, Job.fence, Job.priority, Job.error_code)
        .join(Snapshot, Snapshot.id == Job.snapshot_id)
        .where(Job.id == job_id)
        .with_for_update(of=Job)
    ).one_or_none()
    if row is None:
        raise NoSuchJobError(f"job must exist, got {job_id}")
    return _Held(*row)


def _must_be(job: _Held, allowed: Collection[JobState], purpose: str) -> None:
    if job.state not in allowed:
        wanted = " or ".join(sorted(allowed))
        found = job.state if job.error_code is None else f"{job.state} ({job.error_code})"
        raise IllegalTransitionError(f"job {job.job_id} must be {wanted} {purpose}, it is {found}")


def _change(
    session: Session,
    job: _Held,
    values: dict[str, Any],
    *,
    code: EventCode,
    actor: str,
    now: datetime,
) -> None:
    session.execute(
        update(Job)
        .where(Job.id == job.job_id)
        .values(values)
        .execution_options(synchronize_session=False)
    )
    edge = (job.state, values["state"])
    record_event(session, job.job_id, edge, fence=job.fence, actor=actor, code=code, now=now)


def _say(
    session: Session, job: _Held, action: Action, words: str, actor: str, now: datetime
) -> str:
    record_action(
        session,
        action,
        actor=actor,
        detail=words,
        now=now,
        study_id=job.study_id,
        job_id=job.job_id,
    )
    return f"job {job.job_id} of study {job.study_id} {words}"
