"""Making jobs, and cancelling the waiting ones that a newer job makes pointless."""

from datetime import datetime

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from db.jobs.current import prefer
from db.jobs.states import EventCode, record_event
from db.tables.result_tables import Result
from db.tables.tables import Job, JobState, Snapshot, Study
from db.upsert import upsert

ACTOR = "intake"


def create_job(
    session: Session,
    *,
    snapshot_id: int,
    model_version: str,
    settings_digest: str,
    priority: int = 0,
    now: datetime,
) -> int | None:
    """Make a PENDING job. None when this snapshot, model and settings have one already.

    The study's waiting jobs for older snapshots, or for other models and settings, are cancelled as
    superseded. One that was superseded so and is asked for again waits anew; one that has succeeded
    has its result made current again. Never commits.
    """
    key = {
        "snapshot_id": snapshot_id,
        "model_version": model_version,
        "settings_digest": settings_digest,
    }
    study_id = lock_study_of(session, snapshot_id)
    wish = 1 + (session.scalar(select(func.max(Job.wish)).filter_by(snapshot_id=snapshot_id)) or 0)
    waiting = _waiting(now, priority=priority, wish=wish)
    job_id = _insert(session, key | waiting, now=now)
    if job_id is None:
        job_id = _revive(session, key, waiting, now=now)
    if job_id is not None:
        _supersede_others(session, job_id, now=now)
    else:
        prefer(session, key, study_id=study_id, wish=wish)
    return job_id


def create_first_job(
    session: Session,
    *,
    snapshot_id: int,
    model_version: str,
    settings_digest: str,
    now: datetime,
) -> int | None:
    """Make the job of a study's first snapshot, which this transaction has made: as `create_job`,
    but nothing can be there already or wait. Never commits.
    """
    key = {
        "snapshot_id": snapshot_id,
        "model_version": model_version,
        "settings_digest": settings_digest,
    }
    return _insert(session, key | _waiting(now, priority=0, wish=1), now=now)


def _waiting(now: datetime, *, priority: int, wish: int) -> dict[str, object]:
    return {"state": JobState.PENDING, "priority": priority, "run_after": now, "wish": wish}


def _insert(session: Session, values: dict[str, object], *, now: datetime) -> int | None:
    """The id of a new job; None when its snapshot, model and settings have one already."""
    job_id = session.scalar(
        upsert(session, Job)
        .values(**values, created_at=now)
        .on_conflict_do_nothing(index_elements=["snapshot_id", "model_version", "settings_digest"])
        .returning(Job.id)
    )
    if job_id is not None:
        edge = (None, JobState.PENDING)
        record_event(session, job_id, edge, fence=0, actor=ACTOR, code=EventCode.CREATED, now=now)
    return job_id


def lock_study_of(session: Session, snapshot_id: int | ScalarSelect[int]) -> int:
    """Id of a snapshot's study, held until the caller's transaction ends.

    Order of locks: a transaction that changes a RUNNING job has that first, then the study; one
    that has the study first touches only jobs that wait. So there is no deadlock.
    """
    return session.scalars(
        select(Study.id)
        .join(Snapshot, Snapshot.study_id == Study.id)
        .where(Snapshot.id == snapshot_id)
        .with_for_update(key_share=True, of=Study)
    ).one()


def cancel_if_superseded(session: Session, job_id: int, *, now: datetime) -> bool:
    """Cancel a waiting job when a later one of its study makes it pointless. Never commits."""
    lock_study_of(session, select(Job.snapshot_id).where(Job.id == job_id).scalar_subquery())
    before, later, pairs = _pairs()
    found = session.scalar(
        pairs.with_only_columns(later.id)
        .where(before.id == job_id, later.state != JobState.CANCELLED)
        .limit(1)
    )
    return found is not None and _cancel(session, Job.id == job_id, by=found, now=now) > 0


def _pairs() -> tuple[type[Job], type[Job], Select[*tuple[int, int]]]:
    """Two jobs of one study, the second of a newer revision or a later wish for the same one."""
    before, later = aliased(Job), aliased(Job)
    older, newer = aliased(Snapshot), aliased(Snapshot)
    pairs = (
        select(before.id, later.id)
        .join(older, older.id == before.snapshot_id)
        .join(newer, newer.study_id == older.study_id)
        .join(later, later.snapshot_id == newer.id)
        .where(
            or_(
                older.revision < newer.revision,
                and_(older.id == newer.id, before.wish < later.wish),
            )
        )
    )
    return before, later, pairs


def _revive(
    session: Session, key: dict[str, object], waiting: dict[str, object], *, now: datetime
) -> int | None:
    """CANCELLED to PENDING: settings were changed, and changed back before the job had run."""
    newer, this = aliased(Snapshot), aliased(Snapshot)
    outdated = (
        select(newer.id)
        .join(this, this.study_id == newer.study_id)
        .where(this.id == Job.snapshot_id, newer.revision > this.revision)
        .exists()
    )
    row = session.execute(
        update(Job)
        .filter_by(**key, state=JobState.CANCELLED, error_code=EventCode.SUPERSEDED)
        .where(~outdated)
        .values(**waiting, error_code=None, finished_at=None, published_at=None)
        .returning(Job.id, Job.fence)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if row is None:
        return None
    edge = (JobState.CANCELLED, JobState.PENDING)
    code = EventCode.REVIVED
    record_event(session, row.id, edge, fence=row.fence, actor=ACTOR, code=code, now=now)
    return int(row.id)


def _supersede_others(session: Session, job_id: int, *, now: datetime) -> None:
    before, later, pairs = _pairs()
    earlier = pairs.with_only_columns(before.id).where(later.id == job_id)
    _cancel(session, Job.id.in_(earlier), by=job_id, now=now)


def _cancel(session: Session, which: ColumnElement[bool], *, by: int, now: datetime) -> int:
    cancelled = session.execute(
        update(Job)
        .where(Job.state == JobState.PENDING, which)
        .values(state=JobState.CANCELLED, finished_at=now, error_code=EventCode.SUPERSEDED)
        .returning(Job.id, Job.fence)
        .execution_options(synchronize_session=False)
    ).all()
    for row in cancelled:
        record_event(
            session,
            row.id,
            (JobState.PENDING, JobState.CANCELLED),
            fence=row.fence,
            actor=ACTOR,
            code=EventCode.SUPERSEDED,
            now=now,
            detail=f"by job {by}",
        )
    return len(cancelled)


def studies_to_rerun(
    session: Session, snapshots: range, *, model_version: str, settings_digest: str
) -> list[tuple[int, int]]:
    """Study and newest snapshot of each study that has no standing job with these weights and
    settings, oldest first; only those whose newest snapshot has an id in the range.

    A job stands unless it was cancelled or a newer result has taken the place of its own.
    """
    newer = aliased(Snapshot)
    is_outdated = exists().where(
        newer.study_id == Snapshot.study_id, newer.revision > Snapshot.revision
    )
    is_replaced = exists().where(Result.job_id == Job.id, ~Result.is_current)
    stands = exists().where(
        Job.snapshot_id == Snapshot.id,
        Job.model_version == model_version,
        Job.settings_digest == settings_digest,
        Job.state != JobState.CANCELLED,
        ~is_replaced,
    )
    query = (
        select(Snapshot.study_id, Snapshot.id)
        .where(Snapshot.id.between(snapshots.start, snapshots.stop - 1), ~is_outdated, ~stands)
        .order_by(Snapshot.id)
    )
    return [(study_id, snapshot_id) for study_id, snapshot_id in session.execute(query)]


def snapshots_so_far(session: Session) -> range:
    """The ids of all snapshots; some may belong to none."""
    return range(1, 1 + (session.scalar(select(func.max(Snapshot.id))) or 0))
