"""One claimed job from its files to its row, whatever happens on the way. Embedded mode and server
mode both come through here.
"""

import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from sqlalchemy.orm import Session, sessionmaker

from db import jobs
from db.intake.intake import SpooledInstance, snapshot_instances
from db.jobs import Claim
from db.results.earlier import earlier_result
from db.session import read_only
from db.tables.tables import Job, JobState
from metseg.backoff import backoff
from metseg.disk import spool_path
from metseg.errors import MetsegError, TransientError
from metseg.processes import Owner
from metseg.settings import Settings
from models.ensemble import Ensemble
from worker.files.artifacts import write_artifacts
from worker.files.results import new_result
from worker.files.staging import RunFolders, RunName
from worker.job.failures import Failure, FailureKind, classify
from worker.job.heartbeat import Heartbeat
from worker.job.record import commit
from worker.pipeline import segment_study
from worker.study.renewal import take_over
from worker.study.stopwatch import Progress, Stopwatch, silent

logger = logging.getLogger(__name__)


class SpoolError(TransientError):
    """A file of the spool is missing or damaged."""

    code = "spool"


class Ended(StrEnum):
    """How a job left this process."""

    RECORDED = "recorded"
    FAILED = "failed"
    HANDED_BACK = "handed_back"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Report:
    """How a job ended and, unless it was recorded, why."""

    ended: Ended
    failure: Failure | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    """By stage, `record` included; empty when nothing was recorded."""


@dataclass(frozen=True, slots=True)
class JobTools:
    """What jobs are run with. `utcnow` is the wall clock, for columns that people read."""

    settings: Settings
    sessions: sessionmaker[Session]
    ensemble: Ensemble
    owner: Owner
    utcnow: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass(slots=True)
class _Place:
    """Where the walk is, in words for `metseg status`. A new stage is reported soon."""

    words: str = "starting"
    listener: Progress = silent
    heart: Heartbeat | None = None

    def __call__(self, stage: str, fraction: float) -> None:
        self.words = f"{stage} {fraction:.0%}"
        self.listener(stage, fraction)
        if fraction == 0.0 and self.heart is not None:
            self.heart.hurry()


def execute(claim: Claim, tools: JobTools, *, progress: Progress = silent) -> Report:
    """Run a claimed job, and record or hand back what came of it. Raises nothing that is the
    study's fault.

    Raises
    ------
    sqlalchemy.exc.DBAPIError
        The database did not answer for a whole lease. The job's row says RUNNING, until its lease
        ends.
    """
    place = _Place(listener=progress)
    folders = _folders(claim, tools)
    with _heartbeat(claim, tools, folders, place) as heart:
        place.heart = heart
        try:
            watch = Stopwatch(place)
            _run(claim, tools, heart, folders, watch)
            return Report(Ended.RECORDED, seconds=watch.seconds)
        except Exception as error:
            failure = classify(error)
            _log(claim, failure, error)
        if failure.kind is FailureKind.LOST or not heart.is_finishing:
            folders.discard()  # later a commit may have succeeded: then the sweep decides
        heart.finishing()
        return Report(_hand_back(claim, tools, heart, failure), failure)


def _run(
    claim: Claim, tools: JobTools, heart: Heartbeat, folders: RunFolders, watch: Stopwatch
) -> None:
    """The job itself: walk, write, publish, record."""
    with tools.sessions() as session:
        instances = snapshot_instances(read_only(session), claim.snapshot_id)
        recorded = earlier_result(session, claim.job_id)
    findings = segment_study(
        _spooled_files(instances, tools.settings.spool_dir),
        ensemble=tools.ensemble,
        settings=tools.settings,
        watch=watch,
        earlier=None if recorded is None else take_over(recorded, tools.settings.results_dir),
    )
    directory = folders.published.relative_to(tools.settings.results_dir).as_posix()
    with watch.stage("write"):
        written = write_artifacts(
            findings,
            folders.make(),
            settings=tools.settings,
            made_at=tools.utcnow(),
            seconds=watch.seconds,
            run=directory,
        )
        folders.publish({file.path: file.sha256 for file in written.files})
    result = new_result(findings, written, directory=directory, seconds=watch.seconds)
    heart.finishing()
    with watch.stage("record"):
        commit(
            tools.sessions,
            claim,
            lambda session: jobs.finalise(
                session, claim, result, now=tools.utcnow(), push_to=tools.settings.push_to
            ),
            reached={JobState.SUCCEEDED},
            seconds_left=lambda: heart.seconds_left,
        )
    logger.info(
        "job %d recorded: %s", claim.job_id, {k: round(v, 3) for k, v in watch.seconds.items()}
    )


def _hand_back(claim: Claim, tools: JobTools, heart: Heartbeat, failure: Failure) -> Ended:
    if failure.kind is FailureKind.LOST:
        return Ended.LOST
    now = tools.utcnow()
    infrastructure = failure.kind is FailureKind.INFRASTRUCTURE

    def change(session: Session) -> JobState | None:
        if failure.kind is FailureKind.INPUT:
            done = jobs.fail(session, claim, code=failure.code, message=failure.message, now=now)
            return JobState.FAILED if done else None
        wait = _wait_s(session, claim, tools) if infrastructure else _backoff_s(claim, tools)
        return jobs.release(
            session,
            claim,
            code=failure.code,
            message=failure.message,
            now=now,
            run_after=now + timedelta(seconds=wait),
            refund=infrastructure,
            max_attempts=jobs.MAX_ATTEMPTS,
        )

    ends = {JobState.PENDING, JobState.FAILED, JobState.CANCELLED}
    state = commit(
        tools.sessions, claim, change, reached=ends, seconds_left=lambda: heart.seconds_left
    )
    return Ended.FAILED if state is JobState.FAILED else Ended.HANDED_BACK


def _backoff_s(claim: Claim, tools: JobTools) -> float:
    return backoff(claim.attempt, first_s=tools.settings.backoff_s)


def _wait_s(session: Session, claim: Claim, tools: JobTools) -> float:
    """Longer than the worker's own pause and growing, so that other jobs come first: if this study
    causes the trouble after all, it does not hold up the others for long.
    """
    retries = session.get_one(Job, claim.job_id).infra_retries
    return 2 * backoff(retries + 1, first_s=tools.settings.backoff_s)


def _spooled_files(instances: Sequence[SpooledInstance], spool: Path) -> list[Path]:
    """The files of the snapshot, all there and of the right size.

    Raises
    ------
    SpoolError
        One is missing or damaged. A spool that is away as a whole raises FileNotFoundError.
    """
    spool.stat()
    paths = [spool_path(spool, instance.sha256) for instance in instances]
    for path, instance in zip(paths, instances, strict=True):
        size = path.stat().st_size if path.exists() else None
        if size != instance.size:
            raise SpoolError(
                f"spooled file {instance.sha256} must have {instance.size} bytes, got {size}"
            )
    return paths


def _folders(claim: Claim, tools: JobTools) -> RunFolders:
    run = RunName(claim.job_id, claim.fence, tools.owner.token)
    return RunFolders.of(tools.settings.results_dir, study_id=claim.study_id, run=run)


def _heartbeat(claim: Claim, tools: JobTools, folders: RunFolders, place: _Place) -> Heartbeat:
    def beat() -> bool:
        with tools.sessions.begin() as session:
            return jobs.beat(session, claim, progress=place.words)

    return Heartbeat(
        beat,
        beat_s=tools.settings.beat_s,
        lease_s=tools.settings.lease_s,
        on_lost=folders.discard,
    )


def _log(claim: Claim, failure: Failure, error: Exception) -> None:
    """Log what failed and, unless it is an error of metseg's own, where. The message of any other
    error is left out: libraries quote values, and those may name a patient.
    """
    what = f"{failure.kind} ({failure.code}): {failure.message}"
    if isinstance(error, MetsegError):
        logger.warning("job %d: %s", claim.job_id, what)
        return
    steps = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)[-6:]))
    logger.warning("job %d: %s, %s at\n%s", claim.job_id, what, type(error).__name__, steps)
