"""The parent shows its worker, and takes back what dead children held."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from db.processes import live
from db.tables.tables import Job, JobState, Role
from metseg.processes import Owner, new_owner
from tests.integration.worker.conftest import Ward
from worker.job.pause import PauseNote
from worker.process.parent import Parent

NAME = "host:1:ab"


def parent(ward: Ward, folder: Path, *, name: str = NAME) -> Parent:
    return Parent(ward.settings, name=name, folder=folder, sessions=ward.sessions)


def claimed_by(ward: Ward, owner: Owner) -> int:
    job_id, _ = ward.admit()
    bench = ward.bench()
    claim = ward.claim(job_id, type(bench)(ward.settings, ward.sessions, bench.ensemble, owner))
    return claim.job_id


def job(sessions: sessionmaker[Session], job_id: int) -> Job:
    with sessions() as session:
        return session.get_one(Job, job_id)


@pytest.fixture
def dead_pid() -> int:
    """A process id that was somebody's a moment ago."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_a_step_of_the_parent_registers_beats_and_records_why_no_jobs_are_taken(
    ward: Ward, tmp_path: Path
) -> None:
    one = parent(ward, tmp_path)
    one.step()
    one.step()
    PauseNote(tmp_path).hit("disk full", now=time.monotonic(), backoff_s=60.0)
    one.step()
    with ward.sessions() as session:
        (row,) = live(session, Role.WORKER)
    assert (row.name, row.beat, row.paused_reason) == (NAME, 2, "disk full")


def test_the_job_of_a_dead_child_is_handed_back_once_and_counted(
    ward: Ward, tmp_path: Path, dead_pid: int
) -> None:
    job_id = claimed_by(ward, Owner(NAME, dead_pid, "c0ffee00"))
    one = parent(ward, tmp_path)
    assert one.look_after_children() == [job_id]
    assert one.look_after_children() == []
    found = job(ward.sessions, job_id)
    assert (found.state, found.attempt, found.error_code) == (JobState.PENDING, 1, "worker_lost")


def test_jobs_of_living_children_and_of_other_workers_stay(
    ward: Ward, tmp_path: Path, dead_pid: int
) -> None:
    claimed_by(ward, new_owner(NAME))
    assert parent(ward, tmp_path).look_after_children() == []
    assert parent(ward, tmp_path, name="host:1:cd").look_after_children() == []


def test_a_child_killed_at_the_time_limit_is_distinguished_from_one_that_died(
    ward: Ward, tmp_path: Path, dead_pid: int
) -> None:
    job_id = claimed_by(ward, Owner(NAME, dead_pid, "c0ffee00"))
    one = parent(ward, tmp_path)
    one.hurry(overdue=job_id)
    one.hurry(overdue=job_id)  # Celery tells it twice
    one.look_after_children()
    assert job(ward.sessions, job_id).error_code == "over_time"


def test_a_child_killed_by_our_own_shutdown_costs_no_attempt(
    ward: Ward, tmp_path: Path, dead_pid: int
) -> None:
    job_id = claimed_by(ward, Owner(NAME, dead_pid, "c0ffee00"))
    one = parent(ward, tmp_path)
    one.kill_children_next()
    one.look_after_children()
    found = job(ward.sessions, job_id)
    assert (found.state, found.attempt, found.error_code) == (JobState.PENDING, 0, "shutdown")


def test_a_child_over_the_hard_limit_is_killed(ward: Ward, tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    job_id = claimed_by(ward, Owner(NAME, child.pid, "c0ffee00"))
    one = parent(ward, tmp_path)
    one.settings = ward.settings.model_copy(update={"time_limit_s": 0, "lease_s": 0.09})
    one.look_after_children()
    time.sleep(0.05)
    one.look_after_children()
    assert child.wait(10) == -9
    child.communicate()
    one.look_after_children()
    assert job(ward.sessions, job_id).error_code == "over_time"


def test_a_worker_that_leaves_hands_its_job_back_without_cost_and_its_row_is_deleted(
    ward: Ward, tmp_path: Path
) -> None:
    with parent(ward, tmp_path) as one:
        job_id = claimed_by(ward, new_owner(NAME))
        one.look()
        assert one.busy
    found = job(ward.sessions, job_id)
    assert (found.state, found.attempt, found.error_code) == (JobState.PENDING, 0, "shutdown")
    with ward.sessions() as session:
        assert live(session, Role.WORKER) == []
