"""What a process that runs jobs does between them: checks, claims, pauses. The Celery child and the
embedded worker differ only in who says which job is next."""

import logging
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sqlalchemy.orm import Session, sessionmaker

from db import jobs
from db.jobs import Claim
from db.session import make_engine, session_factory
from imaging.choice.rules import rules_in_force
from metseg.processes import Owner, new_owner
from metseg.settings import Settings
from models.catalogue import load_ensemble
from models.ensemble import Ensemble
from worker.job.execute import JobTools, Report, execute
from worker.job.failures import Failure, FailureKind, classify
from worker.job.pause import PauseNote, paused_reason
from worker.study.stopwatch import Progress, silent

logger = logging.getLogger(__name__)

ANSWER_SHARE = 0.01
"""Part of a study's time limit in which a doorbell is answered with further jobs."""
EXIT_DEVICE = 73
"""Exit status of a process whose compute device failed: only a new process gets a new device."""


def load(settings: Settings) -> Ensemble:
    """The networks of the settings."""
    return load_ensemble(
        settings.ensemble,
        weights_dir=settings.weights,
        flip=settings.flip,
        device=settings.device,
        engine=settings.engine,
        cache=settings.engines_dir,
    )


@dataclass(slots=True)
class Runner:
    """Runs one job at a time in this process. Networks load at the first job and stay.

    Parameters
    ----------
    time_limit
        Raises SoftTimeLimitExceeded in a job that takes too long, where Celery does not.
    end
        Ends the process at once. `os._exit` but in tests.
    """

    settings: Settings
    sessions: sessionmaker[Session]
    owner: Owner
    note: PauseNote
    loader: Callable[[Settings], Ensemble] = load
    progress: Progress = silent
    time_limit: Callable[[], AbstractContextManager[None]] = nullcontext
    end: Callable[[int], object] = os._exit
    _ensemble: Ensemble | None = None

    @classmethod
    def build(cls, settings: Settings, *, worker: str, folder: Path) -> "Runner":
        """A runner of this process for the worker of that name; `folder` holds the pause note."""
        rules_in_force(settings.series_rules)  # now: a file that is wrong ends the program
        engine = make_engine(settings.database)
        owner = new_owner(worker)
        return cls(settings, session_factory(engine), owner, PauseNote(folder))

    def answer(self, job_id: int) -> None:
        """Answer a doorbell: run its job, and then whatever else is due, so that short jobs do not
        wait for a bell each.

        Celery's time limit counts from the bell. So this ends, between two jobs, after a hundredth
        of it: the last job has all the rest.
        """
        end = time.monotonic() + ANSWER_SHARE * self.settings.time_limit_s
        self.run_job(job_id)
        while time.monotonic() < end and self.run_next() is not None:
            pass

    def run_job(self, job_id: int) -> Report | None:
        """Run this job. None: it was not ours to run, or this worker takes no jobs just now."""
        return self._run(job_id)

    def run_next(self) -> Report | None:
        """Run the first job that is due. None: there is none, or this worker takes no jobs just
        now.
        """
        return self._run(None)

    def paused_reason(self) -> str | None:
        """Why this process takes no jobs just now."""
        return paused_reason(self.settings, self.note, now=time.monotonic())

    def _run(self, job_id: int | None) -> Report | None:
        if self.paused_reason() is not None:
            return None
        try:
            ensemble = self._loaded()
            claim = self._claim(job_id, ensemble.version)
            if claim is None:
                return None
            logger.info("job %d claimed, attempt %d", claim.job_id, claim.attempt)
            tools = JobTools(self.settings, self.sessions, ensemble, self.owner)
            with self.time_limit():
                report = execute(claim, tools, progress=self.progress)
        except Exception as error:
            failure = classify(error)
            if failure.kind is not FailureKind.INFRASTRUCTURE:
                raise
            self._pause(failure)
            return None
        self._learn(report)
        return report

    def _loaded(self) -> Ensemble:
        if self._ensemble is None:
            started = time.monotonic()
            self._ensemble = self.loader(self.settings)
            seconds = time.monotonic() - started
            logger.info("networks %s loaded in %.1f s", self._ensemble.version, seconds)
        return self._ensemble

    def _claim(self, job_id: int | None, model_version: str) -> Claim | None:
        """Only jobs made for our networks and settings: others are for other workers, as in a
        rolling upgrade.
        """
        rules = rules_in_force(self.settings.series_rules)
        with self.sessions.begin() as session:
            take = jobs.claim_next if job_id is None else partial(jobs.claim, job_id=job_id)
            return take(
                session,
                owner=str(self.owner),
                now=datetime.now(UTC),
                max_attempts=jobs.MAX_ATTEMPTS,
                model_version=model_version,
                settings_digest=self.settings.result_digest(rules.digest),
            )

    def _learn(self, report: Report) -> None:
        """Pause this worker after trouble that is not a study's fault; end the pause after a job
        that went well.
        """
        failure = report.failure
        if failure is None:
            self.note.clear()
            return
        if failure.kind is FailureKind.INFRASTRUCTURE:
            self._pause(failure)
        if failure.process_must_end:
            self.end(EXIT_DEVICE)

    def _pause(self, failure: Failure) -> None:
        now = time.monotonic()
        pause = self.note.hit(failure.message, now=now, backoff_s=self.settings.backoff_s)
        logger.error(
            "no jobs for %.0f s: %s (%s)", pause.until - now, failure.message, failure.code
        )
