"""Taking jobs back from owners that are dead, or whose heartbeat stands still."""

from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from db.jobs.claims import Lease
from db.jobs.failure import Setback, end_attempt
from db.jobs.states import EventCode
from db.tables.tables import Job, JobState
from db.tables.types import stands


def running_leases(session: Session, *, owner: str | None = None) -> list[Lease]:
    """All RUNNING jobs, or one owner's.

    Whoever watches compares two looks on a monotonic clock of its own.
    """
    query = (
        select(Job.id, Job.fence, Job.hb_seq, Job.owner, Job.attempt)
        .where(stands(Job.state, JobState.RUNNING))
        .order_by(Job.id)
    )
    if owner is not None:
        query = query.where(Job.owner == owner)
    return [
        Lease(row.id, row.fence, row.hb_seq, str(row.owner), row.attempt)
        for row in session.execute(query)
    ]


def expire(
    session: Session,
    lease: Lease,
    *,
    now: datetime,
    run_after: datetime,
    max_attempts: int,
    actor: str = "reconciler",
) -> JobState | None:
    """Take back a job whose heartbeat stood still: counted, to PENDING or FAILED ("exhausted").

    None, and nothing done, when it beat once more since `lease` was read or changed hands: a
    second reconciler does no harm. Never commits.
    """
    message = f"no heartbeat after number {lease.hb_seq}"
    setback = Setback(EventCode.LEASE_EXPIRED, message, run_after, False, max_attempts)
    guard = _fence_holds(lease) & (Job.hb_seq == lease.hb_seq)
    return end_attempt(session, guard, lease, setback, now=now, actor=actor)


def release_owner(
    session: Session,
    owner: str,
    *,
    code: str = EventCode.WORKER_LOST,
    message: str = "the worker process ended",
    now: datetime,
    run_after: datetime,
    refund: bool = False,
    max_attempts: int,
) -> list[int]:
    """Hand back at once what a process held that its parent knows is dead.

    Returns the ids of the jobs. Idempotent: a second call finds none. Never commits.
    """
    setback = Setback(code, message, run_after, refund, max_attempts)
    leases = running_leases(session, owner=owner)
    return [
        lease.job_id
        for lease in leases
        if end_attempt(session, _fence_holds(lease), lease, setback, now=now, actor=owner)
    ]


def _fence_holds(lease: Lease) -> ColumnElement[bool]:
    return (Job.id == lease.job_id) & (Job.state == JobState.RUNNING) & (Job.fence == lease.fence)
