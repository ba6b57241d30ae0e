"""Keeps the queue moving whatever breaks: doorbells, expired leases, rows of dead processes."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session, sessionmaker

from db import processes
from db.jobs import (
    MAX_ATTEMPTS,
    Lease,
    doorbells_unanswered,
    expire,
    jobs_to_ring,
    mark_published,
    running_leases,
)
from db.session import read_only
from db.tables.tables import Role
from metseg.errors import InfrastructureError
from metseg.settings import Settings
from watcher.queue.doorbell import how_many_to_ring
from watcher.queue.standstill import JobProgress, find_stopped

log = logging.getLogger(__name__)


class BrokerError(InfrastructureError):
    """No doorbell can ring. Jobs wait in the database."""

    code = "broker"


class Reconciler:
    """Checks jobs and processes from time to time. Two of them at once do no harm.

    `ring` sends the doorbell of one job, or raises ConnectionError; None when there is no broker.
    """

    def __init__(
        self,
        settings: Settings,
        sessions: sessionmaker[Session],
        ring: Callable[[int], None] | None,
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._ring = ring
        self._leases: dict[Lease, JobProgress] = {}
        self._processes: dict[str, JobProgress] = {}

    def step(self, *, tick: float, now: datetime) -> None:
        """Check once. `tick` is monotonic seconds and decides; `now` is UTC and is only recorded.

        Raises
        ------
        BrokerError
            No doorbell can ring; all else is done.
        """
        self._expire_leases(tick, now)
        workers = self._forget_dead(tick)
        if self._ring is not None:
            self._ring_doorbells(self._ring, workers, now)

    def _expire_leases(self, tick: float, now: datetime) -> None:
        with self._sessions() as session:
            leases = running_leases(read_only(session))
        # The lease itself holds the beat: a new beat is a new key.
        beats = dict.fromkeys(leases, 0)
        self._leases, stale = find_stopped(
            self._leases, beats, now=tick, limit_s=self._settings.lease_s
        )
        for lease in stale:
            run_after = now + timedelta(seconds=self._settings.backoff_s)
            with self._sessions.begin() as session:
                state = expire(
                    session,
                    lease,
                    now=now,
                    run_after=run_after,
                    max_attempts=MAX_ATTEMPTS,
                )
            if state is not None:
                log.warning("lease of job %d expired, job is %s", lease.job_id, state)

    def _forget_dead(self, tick: float) -> int:
        """Remove rows of processes whose heartbeat stopped; returns how many workers take jobs."""
        with self._sessions() as session:
            rows = processes.live(read_only(session))
        beats = {row.name: row.beat for row in rows}
        limit = self._settings.lease_s
        self._processes, dead = find_stopped(self._processes, beats, now=tick, limit_s=limit)
        if dead:
            with self._sessions.begin() as session:
                for name in dead:
                    processes.forget(session, name)
            log.warning("%d processes beat no more and are forgotten", len(dead))
        forgotten = set(dead)
        return sum(
            row.role is Role.WORKER and row.paused_reason is None and row.name not in forgotten
            for row in rows
        )

    def _ring_doorbells(self, ring: Callable[[int], None], workers: int, now: datetime) -> None:
        """Commit first, send after: a worker may answer before anything else is recorded."""
        republish_s = self._settings.republish_s
        with self._sessions() as session:
            read_only(session)
            unanswered = doorbells_unanswered(session, now=now, republish_s=republish_s)
            limit = how_many_to_ring(workers, unanswered=unanswered)
            due = jobs_to_ring(session, now=now, republish_s=republish_s, limit=limit)
        if not due:
            return
        self._mark_published(due, now)
        for number, job_id in enumerate(due):
            try:
                ring(job_id)
            except ConnectionError as error:
                # As if they had rung long ago without an answer: due at the next check.
                self._mark_published(due[number:], now - timedelta(seconds=republish_s))
                raise BrokerError(f"the broker does not answer ({error})") from None

    def _mark_published(self, jobs: Sequence[int], at: datetime) -> None:
        with self._sessions.begin() as session:
            mark_published(session, jobs, now=at)
