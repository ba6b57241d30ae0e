"""Leases, doorbells and rows of dead processes, on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from db.jobs import Claim, beat, claim, claim_next
from db.processes import beat_process, live, register
from db.tables.tables import Job, JobState, Role
from metseg.settings import Settings
from tests.helpers.rows import T0, arrive, later
from watcher.queue.doorbell import make_ringer
from watcher.queue.reconcile import BrokerError, Reconciler

LEASE_S = 90.0


class RecordedDoorbells:
    """The doorbells that rang; `dead` is a broker that does not answer."""

    def __init__(self) -> None:
        self.rung: list[int] = []
        self.dead = False

    def __call__(self, job_id: int) -> None:
        if self.dead:
            raise ConnectionError("OperationalError")
        self.rung.append(job_id)


@pytest.fixture
def doorbells() -> RecordedDoorbells:
    return RecordedDoorbells()


@pytest.fixture
def reconciler(sessions: sessionmaker[Session], doorbells: RecordedDoorbells) -> Reconciler:
    return Reconciler(Settings(lease_s=LEASE_S), sessions, doorbells)


def look(reconciler: Reconciler, second: float) -> None:
    reconciler.step(tick=second, now=later(second))


def make_jobs(sessions: sessionmaker[Session], count: int) -> None:
    with sessions.begin() as session:
        for number in range(count):
            arrive(session, study=f"1.{number + 1}")


def start_worker(sessions: sessionmaker[Session], name: str) -> None:
    with sessions.begin() as session:
        register(session, role=Role.WORKER, name=name, host="h", pid=1, version="0", now=T0)


def take(sessions: sessionmaker[Session]) -> Claim:
    with sessions.begin() as session:
        taken = claim_next(session, owner="w", now=T0, max_attempts=3)
        assert taken is not None
        return taken


def state(sessions: sessionmaker[Session], job_id: int) -> JobState:
    with sessions() as session:
        return session.scalars(select(Job.state).where(Job.id == job_id)).one()


def test_a_lease_without_a_heartbeat_expires_by_the_clock_of_the_reconciler(
    reconciler: Reconciler, sessions: sessionmaker[Session]
) -> None:
    make_jobs(sessions, 1)
    job = take(sessions)
    look(reconciler, 0)
    look(reconciler, LEASE_S - 1)
    assert state(sessions, job.job_id) is JobState.RUNNING
    look(reconciler, LEASE_S)
    assert state(sessions, job.job_id) is JobState.PENDING


def test_a_lease_with_heartbeats_lives_on_and_a_new_claim_restarts_its_time(
    reconciler: Reconciler, sessions: sessionmaker[Session]
) -> None:
    make_jobs(sessions, 1)
    job = take(sessions)
    for second in range(0, 300, 60):
        look(reconciler, second)
        with sessions.begin() as session:
            assert beat(session, job)
    look(reconciler, 300)
    assert state(sessions, job.job_id) is JobState.RUNNING
    look(reconciler, 300 + LEASE_S)
    with sessions.begin() as session:
        assert claim(session, job.job_id, owner="v", now=later(999), max_attempts=3) is not None
    look(reconciler, 300 + 2 * LEASE_S)
    assert state(sessions, job.job_id) is JobState.RUNNING


def test_a_clock_that_jumps_expires_no_lease(
    reconciler: Reconciler, sessions: sessionmaker[Session]
) -> None:
    make_jobs(sessions, 1)
    job = take(sessions)
    for tick, hours in ((0, 0), (10, 5), (20, -5)):
        reconciler.step(tick=tick, now=T0 + timedelta(hours=hours))
    assert state(sessions, job.job_id) is JobState.RUNNING


def test_the_third_lost_lease_ends_the_job(
    reconciler: Reconciler, sessions: sessionmaker[Session]
) -> None:
    make_jobs(sessions, 1)
    for number in range(3):
        with sessions.begin() as session:
            assert claim(session, 1, owner="w", now=later(3600), max_attempts=3) is not None
        look(reconciler, 1000 * number)
        look(reconciler, 1000 * number + LEASE_S)
    assert state(sessions, 1) is JobState.FAILED


def test_two_doorbells_ring_for_each_living_worker(
    reconciler: Reconciler, sessions: sessionmaker[Session], doorbells: RecordedDoorbells
) -> None:
    make_jobs(sessions, 9)
    look(reconciler, 0)
    assert doorbells.rung == [1, 2]
    start_worker(sessions, "a")
    start_worker(sessions, "b")
    look(reconciler, 1)
    assert doorbells.rung == [1, 2, 3, 4]
    look(reconciler, 2)
    assert doorbells.rung == [1, 2, 3, 4]
    with sessions.begin() as session:
        assert claim(session, 1, owner="w", now=later(3), max_attempts=3) is not None
    look(reconciler, 3)
    assert doorbells.rung == [1, 2, 3, 4, 5]


def test_a_paused_worker_does_not_count_for_doorbells(
    reconciler: Reconciler, sessions: sessionmaker[Session], doorbells: RecordedDoorbells
) -> None:
    make_jobs(sessions, 9)
    for name in "abc":
        start_worker(sessions, name)
    with sessions.begin() as session:
        beat_process(session, "a", now=T0, paused_reason="disk full")
        beat_process(session, "b", now=T0, paused_reason="disk full")
    look(reconciler, 0)
    assert doorbells.rung == [1, 2]


def test_a_doorbell_without_an_answer_rings_again(
    reconciler: Reconciler, sessions: sessionmaker[Session], doorbells: RecordedDoorbells
) -> None:
    make_jobs(sessions, 1)
    for second in (0, 60, 119, 120, 121):
        look(reconciler, second)
    assert doorbells.rung == [1, 1]


def test_a_dead_broker_leaves_jobs_waiting_and_they_ring_as_soon_as_it_is_back(
    reconciler: Reconciler, sessions: sessionmaker[Session], doorbells: RecordedDoorbells
) -> None:
    make_jobs(sessions, 2)
    doorbells.dead = True
    for second in (0, 5):
        with pytest.raises(BrokerError):
            look(reconciler, second)
    doorbells.dead = False
    look(reconciler, 10)
    assert doorbells.rung == [1, 2]


def test_rows_of_dead_processes_are_deleted_and_living_ones_stay(
    reconciler: Reconciler, sessions: sessionmaker[Session]
) -> None:
    start_worker(sessions, "dead")
    start_worker(sessions, "alive")
    for second in range(0, 100, 10):
        look(reconciler, second)
        with sessions.begin() as session:
            beat_process(session, "alive", now=later(second))
    with sessions() as session:
        assert [row.name for row in live(session)] == ["alive"]


def test_an_absent_broker_is_reported_without_its_password() -> None:
    ring = make_ringer(Settings.model_validate({"broker_url": "redis://:secret@127.0.0.1:1/0"}))
    assert ring is not None
    with pytest.raises(ConnectionError) as caught:
        ring(1)
    assert "secret" not in str(caught.value)
