"""Which of a study's results is the current one."""

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from db.tables.result_tables import Result
from db.tables.tables import Job, JobState, Snapshot


def replace_current(session: Session, study_id: int) -> None:
    """Leave the study without a current result, for the one that comes. Never commits."""
    session.execute(
        update(Result)
        .where(Result.study_id == study_id, Result.is_current)
        .values(is_current=False)
        .execution_options(synchronize_session=False)
    )


def prefer(session: Session, key: dict[str, object], *, study_id: int, wish: int) -> None:
    """Settings were changed, and changed back: the result they gave is current again.

    `key` is that of a job. Nothing happens when it has not succeeded, or is of an older revision.
    Never commits.
    """
    newest = select(func.max(Snapshot.revision)).where(Snapshot.study_id == study_id)
    job_id = session.scalar(
        select(Job.id)
        .filter_by(**key, state=JobState.SUCCEEDED)
        .join(Snapshot, Snapshot.id == Job.snapshot_id)
        .where(Snapshot.revision == newest.scalar_subquery())
    )
    if job_id is None:
        return
    replace_current(session, study_id)
    session.execute(
        update(Result)
        .where(Result.job_id == job_id)
        .values(is_current=True)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Job)
        .where(Job.id == job_id)
        .values(wish=wish)
        .execution_options(synchronize_session=False)
    )
