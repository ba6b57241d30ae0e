"""What `metseg status` lists, and what it says of each worker."""

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from cli.daemon.status import process_line
from db import processes
from db.overview import Overview, overview
from db.tables.tables import Job, JobState, Role
from tests.helpers.rows import T0, later, new_job, take


def fill(session: Session, *, failed: int, waiting: int) -> int:
    """One job that runs, then `failed`, then `waiting`. Returns the first one's id."""
    first = new_job(session, study="1.1")
    take(session, first, owner="host:1:aa:2:bb")
    for number in range(failed):
        job = new_job(session, study=f"1.3.{number + 1}")
        session.execute(
            update(Job)
            .where(Job.id == job)
            .values(state=JobState.FAILED, error_code="input", error_message="a gap")
        )
    for number in range(waiting):
        new_job(session, study=f"1.4.{number + 1}")
    return first


def states(found: Overview) -> list[str]:
    return [str(job.state) for job in found.jobs]


@pytest.mark.parametrize(
    ("failed", "waiting", "listed"),
    [
        (0, 9, {"running": 1, "failed": 0, "pending": 5}),
        (9, 9, {"running": 1, "failed": 2, "pending": 3}),
        (9, 1, {"running": 1, "failed": 4, "pending": 1}),
        (9, 0, {"running": 1, "failed": 5, "pending": 0}),
        (1, 1, {"running": 1, "failed": 1, "pending": 1}),
    ],
)
def test_what_runs_and_what_failed_are_listed_however_many_newer_jobs_wait(
    sessions: sessionmaker[Session], failed: int, waiting: int, listed: dict[str, int]
) -> None:
    with sessions.begin() as session:
        first = fill(session, failed=failed, waiting=waiting)
        found = overview(session, now=T0, limit=6)
    assert {state: states(found).count(state) for state in listed} == listed
    assert found.jobs[-1].job_id == first
    assert found.jobs[-1].worker == "host:1:aa"


def test_status_says_what_each_worker_runs(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        first = fill(session, failed=0, waiting=1)
        for name, role in (("host:1:aa", Role.WORKER), ("host:2:bb", Role.WORKER)):
            processes.register(
                session, role=role, name=name, host="host", pid=1, version="1", now=T0
            )
            processes.beat_process(session, name, now=T0, device="cpu")
        found = overview(session, now=T0)
    lines = [process_line(process, found, now=later(2), lease_s=90) for process in found.processes]
    assert lines == [
        f"worker host:1:aa: beat 2 s ago, on cpu, runs job {first}",
        "worker host:2:bb: beat 2 s ago, on cpu, runs nothing",
    ]


def test_a_worker_that_pauses_and_a_watcher_are_not_called_idle(
    sessions: sessionmaker[Session],
) -> None:
    with sessions.begin() as session:
        for name, role in (("a:1:a", Role.WATCHER), ("b:1:b", Role.WORKER)):
            processes.register(session, role=role, name=name, host="h", pid=1, version="1", now=T0)
        processes.beat_process(session, "b:1:b", now=T0, paused_reason="no free device")
        found = overview(session, now=T0)
    assert [process_line(process, found, now=T0, lease_s=90) for process in found.processes] == [
        "watcher a:1:a: beat 0 s ago",
        "worker b:1:b: beat 0 s ago, pauses: no free device",
    ]


def test_a_process_that_beats_no_more_is_not_shown_as_one_at_work(
    sessions: sessionmaker[Session],
) -> None:
    with sessions.begin() as session:
        processes.register(
            session, role=Role.WORKER, name="b:1:b", host="h", pid=1, version="1", now=T0
        )
        processes.beat_process(session, "b:1:b", now=T0, device="cpu")
        found = overview(session, now=T0)
    (process,) = found.processes
    assert process_line(process, found, now=later(91), lease_s=90) == (
        "worker b:1:b: no sign of life for 91 s"
    )
