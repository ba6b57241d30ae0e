"""What a process that runs jobs does between them: checks, claims, pauses. The Celery child and the
embedded worker differ only in who says which job is next."""

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sqlalchemy.orm import Session, sessionmaker

from db import jobs
from db.jobs import Claim
from db.session import make_engine, read_only, session_factory
from imaging.choice.rules import rules_in_force
from metseg.errors import NoFreeDeviceError
from metseg.processes import Owner, new_owner
from metseg.settings import Settings
from worker.host.host import Host
from worker.host.pause_note import PauseNote
from worker.job.execute import JobTools, Report, execute
from worker.job.exits import EXIT_DEVICE, EXIT_RESTED
from worker.job.failures import Failure, FailureKind, classify
from worker.job.networks import Networks
from worker.job.pause import pause_note, paused_reason
from worker.study.stopwatch import Progress, silent

logger = logging.getLogger(__name__)

ANSWER_SHARE = 0.01
"""Part of a study's time limit in which a doorbell is answered with further jobs."""
PATIENCE_S = 5.0
"""Seconds that a message waits for a device of this host before another worker may hear it."""
LOOK_S = 0.25
"""Time between two looks for a free device."""


@dataclass(slots=True)
class Runner:
    """Runs one job at a time in this process.

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
    networks: Networks
    progress: Progress = silent
    time_limit: Callable[[], AbstractContextManager[None]] = nullcontext
    end: Callable[[int], object] = os._exit
    patience_s: float = PATIENCE_S
    _busy: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def build(cls, settings: Settings, *, worker: str, folder: Path) -> "Runner":
        """A runner of this process for the worker of that name; `folder` holds the pause note."""
        rules_in_force(settings.series_rules)  # now: a file that is wrong ends the program
        sessions = session_factory(make_engine(settings.database))
        networks = Networks(settings, Host(settings, worker))
        return cls(settings, sessions, new_owner(worker), pause_note(folder), networks)

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
        """Run this job, or a due one of higher priority. None: it was not ours to run, or this
        worker takes no jobs just now.

        Where others hold all devices, it waits a little for one, then has the doorbell rung again.
        """
        until = time.monotonic() + self.patience_s
        while True:
            try:
                return self._run(job_id)
            except NoFreeDeviceError:
                if time.monotonic() >= until:
                    break
            time.sleep(LOOK_S)
        with self.sessions.begin() as session:
            jobs.ring_again(session, job_id)
        return None

    def run_next(self) -> Report | None:
        """Run the first job that is due. None: there is none, or this worker takes no jobs just
        now.
        """
        try:
            return self._run(None)
        except NoFreeDeviceError:
            return None

    def rest(self) -> None:
        """End the process if it has had nothing to do for long. May be called from any thread."""
        if self._busy.acquire(blocking=False):
            try:
                if self.networks.resting:
                    logger.info("nothing to do: memory is given back")
                    self.end(EXIT_RESTED)
            finally:
                self._busy.release()

    def paused_reason(self) -> str | None:
        """Why this process takes no jobs just now."""
        return paused_reason(self.settings, self.note, now=time.monotonic())

    def _run(self, job_id: int | None) -> Report | None:
        """Raises NoFreeDeviceError: see `Host.compute_device`."""
        if self.paused_reason() is not None:
            return None
        with self._busy:
            try:
                report = self._claim_and_execute(job_id)
            except NoFreeDeviceError:
                raise
            except Exception as error:
                failure = classify(error)
                if failure.kind is not FailureKind.INFRASTRUCTURE:
                    raise
                self._take_trouble(failure)
                if self.networks.device_lies_idle:
                    self.end(EXIT_RESTED)
                return None
        if report is not None:
            self._learn(report)
        return report

    def _claim_and_execute(self, job_id: int | None) -> Report | None:
        rules = rules_in_force(self.settings.series_rules)
        digest = self.settings.result_digest(rules.digest)
        if not self.networks.loaded and not self._is_waiting(job_id, digest):
            return None
        ensemble = self.networks.ready()
        claim = self._claim(job_id, ensemble.version, digest)
        if claim is None:
            return None
        logger.info("job %d claimed, attempt %d", claim.job_id, claim.attempt)
        tools = JobTools(self.settings, self.sessions, ensemble, self.owner)
        with self.time_limit():
            report = execute(claim, tools, progress=self.progress)
        self.networks.used()
        return report

    def _is_waiting(self, job_id: int | None, digest: str) -> bool:
        with self.sessions() as session:
            now = datetime.now(UTC)
            return jobs.is_waiting(read_only(session), job_id, now=now, settings_digest=digest)

    def _claim(self, job_id: int | None, model_version: str, digest: str) -> Claim | None:
        """Only jobs made for our networks and settings: others are for other workers, as in a
        rolling upgrade.
        """
        with self.sessions.begin() as session:
            take = jobs.claim_next if job_id is None else partial(jobs.claim_rung, job_id=job_id)
            return take(
                session,
                owner=str(self.owner),
                now=datetime.now(UTC),
                max_attempts=jobs.MAX_ATTEMPTS,
                model_version=model_version,
                settings_digest=digest,
            )

    def _learn(self, report: Report) -> None:
        """Act on trouble that is not a study's fault; forget it after a job that went well."""
        failure = report.failure
        if failure is None:
            self._forget_trouble()
        elif failure.kind is FailureKind.INFRASTRUCTURE:
            self._take_trouble(failure)

    def _take_trouble(self, failure: Failure) -> None:
        """Leave the device out if it is at fault, else pause this worker; end the process if only
        another can go on.
        """
        try:
            if failure.process_must_end and self.networks.host.device_failed(failure.message):
                logger.error("the device is left out: %s (%s)", failure.message, failure.code)
            else:
                self._pause(failure)
        except OSError as error:  # a full disk: this process must not go on with its device
            if not failure.process_must_end:
                raise
            logger.error("%s, which is not noted: %s", failure.message, type(error).__name__)
        if failure.process_must_end:
            self.end(EXIT_DEVICE)

    def _forget_trouble(self) -> None:
        try:
            self.note.clear()
            self.networks.host.device_worked()
        except OSError as error:  # a disk that turned read-only: the result is recorded
            logger.warning("the last trouble is not forgotten: %s", type(error).__name__)

    def _pause(self, failure: Failure) -> None:
        now = time.monotonic()
        pause = self.note.hit(failure.message, now=now, backoff_s=self.settings.backoff_s)
        logger.error(
            "no jobs for %.0f s: %s (%s)", pause.until - now, failure.message, failure.code
        )
