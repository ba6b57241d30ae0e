"""The parent keeps the row of its worker, and takes back the jobs of dead children."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from db.processes import live
from db.tables.tables import Job, JobState, Role
from metseg.processes import Owner, new_owner
from tests.integration.worker.conftest import WorkerSite
from worker.job.pause import pause_note
from worker.process.parent import Parent

NAME = "host:1:ab"


def parent(site: WorkerSite, folder: Path, *, name: str = NAME) -> Parent:
    return Parent(site.settings, name=name, folder=folder, sessions=site.sessions)


def claimed_by(site: WorkerSite, owner: Owner) -> int:
    job_id, _ = site.add_study()
    bench = site.bench()
    claim = site.claim(job_id, type(bench)(site.settings, site.sessions, bench.ensemble, owner))
    return claim.job_id


def job(sessions: sessionmaker[Session], job_id: int) -> Job:
    with sessions() as session:
        return session.get_one(Job, job_id)


@pytest.fixture
def dead_pid() -> int:
    """The id of a process that has just ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_a_step_of_the_parent_registers_beats_and_records_why_no_jobs_are_taken(
    site: WorkerSite, tmp_path: Path
) -> None:
    one = parent(site, tmp_path)
    one.step()
    one.step()
    pause_note(tmp_path).hit("disk full", now=time.monotonic(), backoff_s=60.0)
    one.step()
    with site.sessions() as session:
        (row,) = live(session, Role.WORKER)
    assert (row.name, row.beat, row.paused_reason) == (NAME, 2, "disk full")


def test_the_job_of_a_dead_child_is_handed_back_once_and_counted(
    site: WorkerSite, tmp_path: Path, dead_pid: int
) -> None:
    job_id = claimed_by(site, Owner(NAME, dead_pid, "c0ffee00"))
    one = parent(site, tmp_path)
    assert one.look_after_children() == [job_id]
    assert one.look_after_children() == []
    found = job(site.sessions, job_id)
    assert (found.state, found.attempt, found.error_code) == (JobState.PENDING, 1, "worker_lost")


def test_jobs_of_living_children_and_of_other_workers_stay(
    site: WorkerSite, tmp_path: Path, dead_pid: int
) -> None:
    claimed_by(site, new_owner(NAME))
    assert parent(site, tmp_path).look_after_children() == []
    assert parent(site, tmp_path, name="host:1:cd").look_after_children() == []


def test_a_child_killed_at_the_time_limit_is_distinguished_from_one_that_died(
    site: WorkerSite, tmp_path: Path, dead_pid: int
) -> None:
    job_id = claimed_by(site, Owner(NAME, dead_pid, "c0ffee00"))
    one = parent(site, tmp_path)
    one.hurry(over_time=True)
    one.hurry(over_time=True)  # Celery reports it twice
    one.look_after_children()
    assert job(site.sessions, job_id).error_code == "over_time"


def test_a_child_killed_by_our_own_shutdown_costs_no_attempt(
    site: WorkerSite, tmp_path: Path, dead_pid: int
) -> None:
    job_id = claimed_by(site, Owner(NAME, dead_pid, "c0ffee00"))
    one = parent(site, tmp_path)
    one.kill_children_next()
    one.look_after_children()
    found = job(site.sessions, job_id)
    assert (found.state, found.attempt, found.error_code) == (JobState.PENDING, 0, "shutdown")


def test_a_child_over_the_hard_limit_is_killed(site: WorkerSite, tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    job_id = claimed_by(site, Owner(NAME, child.pid, "c0ffee00"))
    one = parent(site, tmp_path)
    one.settings = site.settings.model_copy(update={"time_limit_s": 0, "lease_s": 0.09})
    one.look_after_children()
    time.sleep(0.05)
    one.look_after_children()
    assert child.wait(10) == -9
    child.communicate()
    one.look_after_children()
    assert job(site.sessions, job_id).error_code == "over_time"


def test_a_worker_that_leaves_hands_its_job_back_without_cost_and_its_row_is_deleted(
    site: WorkerSite, tmp_path: Path
) -> None:
    with parent(site, tmp_path) as one:
        job_id = claimed_by(site, new_owner(NAME))
        one.look()
        assert one.busy
    found = job(site.sessions, job_id)
    assert (found.state, found.attempt, found.error_code) == (JobState.PENDING, 0, "shutdown")
    with site.sessions() as session:
        assert live(session, Role.WORKER) == []
