"""The waiting side of the queue: which jobs are due, and ringing for them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from db.counts import counts
from db.tables.tables import Job, JobState
from db.tables.types import stands

MAX_WAIT = timedelta(minutes=15)
"""No wait is longer: a job that would wait longer has met a clock that jumped, and is due."""
WAITS: Final = stands(Job.state, JobState.PENDING)


@dataclass(frozen=True, slots=True)
class JobStanding:
    """Where a job stands, read after a commit whose answer was lost."""

    state: JobState
    fence: int
    owner: str | None


def is_due(now: datetime) -> ColumnElement[bool]:
    """PENDING, and its wait is over, or longer than any wait may be."""
    return WAITS & or_(Job.run_after <= now, Job.run_after > now + MAX_WAIT)


def due_jobs(
    session: Session,
    *conditions: ColumnElement[bool],
    now: datetime,
    limit: int,
    locked: bool = False,
) -> list[int]:
    """The first due jobs that meet the conditions: higher priority first, then oldest first.

    With `locked` they stay ours until the transaction ends, and those of others are passed over.
    Each priority is a walk of its own along an index: it is short, however many jobs wait.
    """
    found: list[int] = []
    for priority in _priorities(session):
        query = (
            select(Job.id)
            .where(is_due(now), Job.priority == priority, *conditions)
            .order_by(Job.id)
            .limit(limit - len(found))
        )
        found += session.scalars(query.with_for_update(skip_locked=True) if locked else query)
        if len(found) >= limit:
            break
    return found


def _priorities(session: Session) -> Iterator[int]:
    """Priorities of the jobs that wait, highest first."""
    highest = select(func.max(Job.priority)).where(WAITS)
    priority = session.scalar(highest)
    while priority is not None:
        yield priority
        priority = session.scalar(highest.where(Job.priority < priority))


def jobs_to_ring(session: Session, *, now: datetime, republish_s: float, limit: int) -> list[int]:
    """Due jobs whose doorbell was never rung, or rung `republish_s` seconds ago without an answer.

    Higher priority first, then oldest first.
    """
    unanswered = or_(
        Job.published_at.is_(None),
        Job.published_at <= now - timedelta(seconds=republish_s),
        Job.published_at > now + MAX_WAIT,
    )
    return due_jobs(session, unanswered, now=now, limit=limit)


def doorbells_unanswered(session: Session, *, now: datetime, republish_s: float) -> int:
    """How many doorbells rang in the last `republish_s` seconds that no worker has answered yet."""
    since = now - timedelta(seconds=republish_s)
    query = select(func.count()).where(WAITS, Job.published_at > since, Job.published_at <= now)
    return session.scalar(query) or 0


def mark_published(session: Session, job_ids: Sequence[int], *, now: datetime) -> None:
    """Record that the doorbells of these jobs are rung. Commit first, send after. Never commits."""
    session.execute(
        update(Job)
        .where(Job.id.in_(job_ids), Job.state == JobState.PENDING)
        .values(published_at=now)
        .execution_options(synchronize_session=False)
    )


def is_waiting(
    session: Session, job_id: int | None, *, now: datetime, settings_digest: str
) -> bool:
    """Whether this job is PENDING, or with None any job is due, among those made for these
    settings: loading networks for nothing takes seconds.
    """
    ours = Job.settings_digest == settings_digest
    if job_id is None:
        return bool(due_jobs(session, ours, now=now, limit=1))
    return session.scalar(select(Job.id).where(Job.id == job_id, WAITS, ours)) is not None


def ring_again(session: Session, job_id: int) -> None:
    """Forget that the doorbell of a PENDING job was rung: whoever heard it cannot run the job, and
    another may hear it soon. Never commits.
    """
    session.execute(
        update(Job)
        .where(Job.id == job_id, WAITS)
        .values(published_at=None)
        .execution_options(synchronize_session=False)
    )


def job_counts(session: Session) -> dict[JobState, int]:
    """How many jobs stand in each state, zeros included; `db.counts.MORE` where there are more."""
    return dict.fromkeys(JobState, 0) | counts(session, Job.state, JobState)


def standing(session: Session, job_id: int) -> JobStanding | None:
    """Where a job stands now. None when there is no such job."""
    row = session.execute(
        select(Job.state, Job.fence, Job.owner).where(Job.id == job_id)
    ).one_or_none()
    return None if row is None else JobStanding(row.state, row.fence, row.owner)
