"""What the parent of a process that runs jobs does for it: shows it in the table `worker`, takes
back what a dead child held, sweeps folders that nothing refers to. A thread beside the Celery main
process or the supervisor."""

import logging
import os
import signal
import socket
import threading
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from sqlalchemy.orm import Session, sessionmaker

from db import jobs, processes
from db.jobs.states import EventCode
from db.session import read_only
from db.tables.tables import Role
from metseg.backoff import backoff
from metseg.processes import is_running, parse_owner
from metseg.settings import Settings
from worker.background import Background
from worker.files.sweep import sweep_results
from worker.host.host import Host
from worker.job.pause import pause_note, paused_reason

logger = logging.getLogger(__name__)

OVER_TIME = "over_time"
SHUTDOWN = "shutdown"
SWEEP_EVERY = 20
"""Beats between two sweeps; the first beat sweeps what an earlier process left."""


class Parent(Background):
    """Beats for the worker `name` while the `with` block runs, then takes it out of the table."""

    def __init__(
        self,
        settings: Settings,
        *,
        name: str,
        folder: Path,
        sessions: sessionmaker[Session],
    ) -> None:
        super().__init__(
            name="worker-parent",
            topic=f"worker {name}",
            rest_s=settings.beat_s,
            join_s=settings.beat_s + 5,
        )
        self.settings = settings
        self.name = name
        self.sessions = sessions
        self._note = pause_note(folder)
        self._host = Host(settings, name)
        self._looked = threading.Event()
        self._beats = 0
        self._reason: str | None = None
        self._since: dict[tuple[int, int], float] = {}
        self._over_time = False
        self._unanswered: deque[int] = deque()
        self._cause_of_death: str = EventCode.WORKER_LOST

    def work(self) -> None:
        """Beat once, and let `look` know."""
        try:
            self.step()
        finally:
            self._looked.set()

    def leave(self) -> None:
        """Hand back what our children hold, and remove our row."""
        self.release_all()
        with self.sessions.begin() as session:
            processes.forget(session, self.name)

    def hurry(self, *, over_time: bool = False, unanswered: int | None = None) -> None:
        """A child may have died, or is being killed because its job took too long: look now.

        It died over the doorbell of the job `unanswered`, which it may not have claimed.
        """
        self._over_time |= over_time
        if unanswered is not None:
            self._unanswered.append(unanswered)
        self.wake()

    def kill_children_next(self) -> None:
        """Children that die from now on are killed by our own shutdown: no study is at fault."""
        self._cause_of_death = SHUTDOWN

    def look(self, *, patience_s: float = 2.0) -> None:
        """Have the thread look at our children now, and wait until it has."""
        self._looked.clear()
        self.wake()
        self._looked.wait(patience_s)
        time.sleep(0.2)

    @property
    def busy(self) -> bool:
        """Whether a child of ours ran a job at the last look."""
        return bool(self._since)

    def step(self) -> None:
        """One beat: update our row, look after our children's jobs, now and then sweep."""
        now = datetime.now(UTC)
        standing = self._host.standing()
        reason = paused_reason(self.settings, self._note, now=time.monotonic())
        reason = reason or standing.waiting_reason
        self._log_change(reason)
        with self.sessions.begin() as session:
            if not processes.beat_process(
                session,
                self.name,
                now=now,
                paused_reason=reason,
                device=standing.device,
                devices_left_out=standing.left_out,
            ):
                self._register(session, now)
        self.look_after_children()
        self._ring_again()
        if self._beats % SWEEP_EVERY == 0:
            sweep_results(self.sessions, self.settings.results_dir)
        self._beats += 1

    def _log_change(self, reason: str | None) -> None:
        if reason != self._reason:
            logger.warning("takes no jobs: %s", reason) if reason else logger.info("takes jobs")
            self._reason = reason

    def look_after_children(self) -> list[int]:
        """Hand back what dead children held, their attempts counted; kill a child that is over its
        time. Returns the ids of the jobs handed back.

        Celery itself kills tasks that take too long; this comes later, for the embedded worker and
        in case Celery fails.
        """
        leases = self._own_leases()
        self._over_time &= bool(leases)
        now = time.monotonic()
        self._since = {key: self._since.get(key, now) for key in leases}
        released: list[int] = []
        for key, (lease, pid) in leases.items():
            if not is_running(pid):
                code = OVER_TIME if self._over_time else self._cause_of_death
                released += self._release(lease, code, refund=code == SHUTDOWN)
                self._over_time = False
            elif now - self._since[key] > self.settings.hard_time_limit_s + self.settings.beat_s:
                logger.error("job %d: over the hard time limit, killed", lease.job_id)
                self._over_time = True
                os.kill(pid, signal.SIGKILL)
        return released

    def release_all(self) -> list[int]:
        """Hand back what our children hold: this worker shuts down, and no study is at fault."""
        return [
            job_id
            for lease, _pid in self._own_leases().values()
            for job_id in self._release(lease, SHUTDOWN, refund=True)
        ]

    def _ring_again(self) -> None:
        while self._unanswered:
            with self.sessions.begin() as session:
                jobs.ring_again(session, self._unanswered.popleft())

    def _own_leases(self) -> dict[tuple[int, int], tuple[jobs.Lease, int]]:
        """The leases of our children and their process ids, by job and fence."""
        with self.sessions.begin() as session:
            leases = jobs.running_leases(read_only(session))
        owners = ((lease, parse_owner(lease.owner)) for lease in leases)
        return {
            (lease.job_id, lease.fence): (lease, owner.pid)
            for lease, owner in owners
            if owner is not None and owner.worker == self.name
        }

    def _release(self, lease: jobs.Lease, code: str, *, refund: bool = False) -> list[int]:
        now = datetime.now(UTC)
        wait = 0.0 if refund else backoff(lease.attempt, first_s=self.settings.backoff_s)
        with self.sessions.begin() as session:
            released = jobs.release_owner(
                session,
                lease.owner,
                code=code,
                now=now,
                run_after=now + timedelta(seconds=wait),
                refund=refund,
                max_attempts=jobs.MAX_ATTEMPTS,
            )
        if released:
            logger.warning("jobs %s handed back: %s", released, code)
        return released

    def _register(self, session: Session, now: datetime) -> None:
        processes.register(
            session,
            role=Role.WORKER,
            name=self.name,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=version("metseg"),
            now=now,
        )
