"""The legal edges of a job, as data, and the history that every transition writes."""

import enum
from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.orm import Session

from db.tables.tables import JobEvent, JobState
from metseg.errors import MetsegError

EDGES: frozenset[tuple[JobState | None, JobState]] = frozenset(
    {
        (None, JobState.PENDING),
        (JobState.PENDING, JobState.RUNNING),
        (JobState.PENDING, JobState.CANCELLED),
        # Only when the allowed attempts were lowered while the job waited.
        (JobState.PENDING, JobState.FAILED),
        (JobState.RUNNING, JobState.SUCCEEDED),
        (JobState.RUNNING, JobState.FAILED),
        (JobState.RUNNING, JobState.PENDING),
        (JobState.FAILED, JobState.PENDING),
        # Only when a person cancels it.
        (JobState.RUNNING, JobState.CANCELLED),
        # Only when it was superseded or a person cancelled it, and it is now asked for again.
        (JobState.CANCELLED, JobState.PENDING),
    }
)
MAX_ATTEMPTS = 3
"""Claims of a job before it is given up as exhausted. A study that kills its process each time then
stops soon, and a fault that passes seldom strikes three times.
"""
EXHAUSTED = "exhausted"
"""Error code of a job that was claimed as often as is allowed."""


class EventCode(enum.StrEnum):
    """Why a job changed state, beside the codes of errors."""

    CREATED = "created"
    CLAIMED = "claimed"
    FINALISED = "finalised"
    LEASE_EXPIRED = "lease_expired"
    WORKER_LOST = "worker_lost"
    SUPERSEDED = "superseded"
    REVIVED = "revived"
    RETRY = "retry"
    CANCELLED = "cancelled"


class IllegalTransitionError(MetsegError):
    """A job cannot go from where it stands to where it was sent."""

    code = "illegal_transition"


class NoSuchJobError(MetsegError):
    """No job has this id."""

    code = "no_such_job"


def check_edge(old: JobState | None, new: JobState) -> None:
    """Raise IllegalTransitionError unless a job may go from `old` to `new`."""
    if (old, new) not in EDGES:
        raise IllegalTransitionError(
            f"a job cannot go from {old.value if old else 'nothing'} to {new.value}"
        )


def record_event(
    session: Session,
    job_id: int,
    edge: tuple[JobState | None, JobState],
    *,
    fence: int,
    actor: str,
    code: str,
    now: datetime,
    detail: str | None = None,
) -> None:
    """Write one line of a job's history, in the transaction of the transition itself."""
    old, new = edge
    check_edge(old, new)
    session.execute(
        insert(JobEvent),
        {
            "job_id": job_id,
            "at": now,
            "old_state": old,
            "new_state": new,
            "fence": fence,
            "actor": actor,
            "code": code,
            "detail": detail,
        },
    )
