"""The queue at a glance, for `metseg status`: what runs, what waits and why."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.counts import counts
from db.jobs import job_counts
from db.outbox.push_reports import is_due, push_counts
from db.processes import ProcessRow, live
from db.tables.push_tables import PushState
from db.tables.tables import FileStatus, Job, JobState, Role, Snapshot, SourceFile, Study
from db.tables.types import stands
from metseg.processes import parse_owner

OPEN = (JobState.RUNNING, JobState.PENDING, JobState.FAILED)


@dataclass(frozen=True, slots=True)
class OpenJob:
    """A job that runs, waits or failed. `why` says what it waits for, or what went wrong."""

    job_id: int
    study_id: int
    """metseg's own number of the study."""
    study_uid: str
    revision: int
    state: JobState
    attempt: int
    why: str
    worker: str | None = None
    """The worker that runs it: the name of a `ProcessRow`."""


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A quarantined file, by metseg's own id: its name could name a patient."""

    source_file_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that `metseg status` prints. Counts end at `db.counts.MORE`."""

    counts: dict[JobState, int]
    files: dict[FileStatus, int]
    jobs: tuple[OpenJob, ...]
    processes: tuple[ProcessRow, ...]
    refused: tuple[RefusedFile, ...]
    pushes: dict[PushState, int] = field(default_factory=dict)
    pushes_at_hand: bool = False
    """Whether something is to be sent just now."""


def overview(session: Session, *, now: datetime, limit: int = 50) -> Overview:
    """At most `limit` jobs and refused files of each list, newest first. What runs is in it."""
    processes = tuple(live(session))
    files = counts(session, SourceFile.status, FileStatus)
    refused = session.execute(
        select(SourceFile.id, SourceFile.reason)
        .where(stands(SourceFile.status, FileStatus.QUARANTINED))
        .order_by(SourceFile.id.desc())
        .limit(limit)
    ).all()
    return Overview(
        counts=job_counts(session),
        files=files,
        jobs=_open_jobs(session, processes, now=now, limit=limit),
        processes=processes,
        refused=tuple(RefusedFile(file_id, reason or "") for file_id, reason in refused),
        pushes=push_counts(session),
        pushes_at_hand=is_due(session, now=now),
    )


def _open_jobs(
    session: Session, processes: tuple[ProcessRow, ...], *, now: datetime, limit: int
) -> tuple[OpenJob, ...]:
    query = (
        select(Job, Study.id, Study.study_instance_uid, Snapshot.revision)
        .join(Snapshot, Snapshot.id == Job.snapshot_id)
        .join(Study, Study.id == Snapshot.study_id)
        .where(Job.id.in_(_listed(session, limit)))
        .order_by(Job.id.desc())
    )
    workers = [process for process in processes if process.role is Role.WORKER]
    return tuple(
        OpenJob(
            job.id,
            study,
            uid,
            revision,
            job.state,
            job.attempt,
            why(job, workers, now=now),
            _worker_of(job),
        )
        for job, study, uid, revision in session.execute(query)
    )


def _worker_of(job: Job) -> str | None:
    owner = parse_owner(job.owner or "")
    return owner.worker if owner else None


def _listed(session: Session, limit: int) -> list[int]:
    """Ids of the jobs to show. All that run are among them, however many newer ones wait, and those
    that failed get half of what is left.
    """
    running, pending, failed = (_newest(session, state, limit) for state in OPEN)
    left = limit - len(running)
    failed = failed[: max(left // 2, left - len(pending))]
    return running + failed + pending[: left - len(failed)]


def _newest(session: Session, state: JobState, limit: int) -> list[int]:
    """Ids of the newest jobs of one state. State by state it is a walk along an index."""
    query = select(Job.id).where(stands(Job.state, state)).order_by(Job.id.desc()).limit(limit)
    return list(session.scalars(query))


def why(job: Job, workers: list[ProcessRow], *, now: datetime) -> str:
    """What a job waits for, is at, or failed with: a pure reading of its row."""
    if job.state is JobState.RUNNING:
        return job.progress or "started"
    error = f"{job.error_code}: {job.error_message}" if job.error_code else ""
    if job.state is JobState.FAILED:
        return error
    if job.run_after > now:
        return f"tried again in {(job.run_after - now).total_seconds():.0f} s; {error}"
    if not workers:
        return "no worker lives"
    paused = [worker.paused_reason for worker in workers if worker.paused_reason]
    if len(paused) == len(workers):
        return f"all workers pause: {paused[0]}"
    return "in the queue"
