"""Is a process of this host getting on? A process that only exists is not well."""

from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from db.jobs.queue import is_due
from db.processes import ProcessRow, live
from db.tables import Job, JobState, Role


def is_progressing(
    session: Session, role: Role, *, host: str, within_s: float, now: datetime
) -> bool:
    """Whether a process of this role on this host beat within `within_s` s and takes its work.

    Beats are compared with this host's own clock, which wrote them. A worker that has no job, gives
    no reason to pause, and leaves a doorbell unanswered for as long, is not well.
    """
    since = now - timedelta(seconds=within_s)
    fresh = [row for row in live(session, role) if row.host == host and row.seen_at >= since]
    if role is Role.WATCHER:
        return bool(fresh)
    return any(_answers(session, row, since=since, now=now) for row in fresh)


def _answers(session: Session, worker: ProcessRow, *, since: datetime, now: datetime) -> bool:
    if worker.paused_reason is not None or worker.started_at > since:
        return True
    busy = select(
        exists().where(
            Job.state == JobState.RUNNING, Job.owner.startswith(worker.name, autoescape=True)
        )
    )
    unanswered = select(exists().where(is_due(now), Job.published_at < since))
    return bool(session.scalar(busy)) or not session.scalar(unanswered)
