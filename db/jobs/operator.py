"""What a person may do to a job."""

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.jobs.states import EventCode, IllegalTransitionError, NoSuchJobError, record_event
from db.tables.tables import Job, JobState


def retry(session: Session, job_id: int, *, now: datetime) -> None:
    """FAILED to PENDING, with all attempts anew. Never commits.

    Raises
    ------
    NoSuchJobError, IllegalTransitionError
        No such job, or it did not fail.
    """
    values = {
        "attempt": 0,
        "infra_retries": 0,
        "run_after": now,
        "published_at": None,
        "finished_at": None,
        "error_code": None,
        "error_message": None,
    }
    edge = (JobState.FAILED, JobState.PENDING)
    _change(session, job_id, edge, values, code=EventCode.RETRY, now=now)


def cancel(session: Session, job_id: int, *, now: datetime) -> None:
    """PENDING to CANCELLED. A running job is not stopped. Never commits.

    Raises
    ------
    NoSuchJobError, IllegalTransitionError
        No such job, or it does not wait.
    """
    edge = (JobState.PENDING, JobState.CANCELLED)
    _change(session, job_id, edge, {"finished_at": now}, code=EventCode.CANCELLED, now=now)


def _change(
    session: Session,
    job_id: int,
    edge: tuple[JobState, JobState],
    values: dict[str, Any],
    *,
    code: EventCode,
    now: datetime,
) -> None:
    old, new = edge
    fence = session.scalar(
        update(Job)
        .where(Job.id == job_id, Job.state == old)
        .values(state=new, **values)
        .returning(Job.fence)
        .execution_options(synchronize_session=False)
    )
    if fence is None:
        found = session.scalar(select(Job.state).where(Job.id == job_id))
        if found is None:
            raise NoSuchJobError(f"job must exist, got {job_id}")
        raise IllegalTransitionError(
            f"job {job_id} must be {old.value} to become {new.value}, it is {found.value}"
        )
    record_event(session, job_id, edge, fence=fence, actor="operator", code=code, now=now)
