"""Faults on real processes: whatever is killed, stopped or lost, each study is recorded once,
without a hand.

Each test runs embedded (SQLite) and as a server (PostgreSQL, Redis, Celery) where the fault exists
in both.
"""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, select

from db.result_tables import Result
from db.tables import JobEvent, JobState, Role
from metseg.settings import Settings
from tests.e2e.site import Proc, Site
from tests.services import PostgresServer, RedisServer
from worker.health import unhealthy_reason

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]

EMBEDDED = pytest.param("embedded", id="embedded")
SERVER = pytest.param("server", id="server", marks=pytest.mark.services)


@pytest.fixture(params=[EMBEDDED, SERVER])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A site in both ways to run."""
    yield from _site(request, tmp_path, str(request.param))


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A site with PostgreSQL, Redis and Celery."""
    yield from _site(request, tmp_path, "server")


def _site(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> Iterator[Site]:
    if kind == "embedded":
        made = Site(tmp_path, f"sqlite:///{tmp_path / 'metseg.sqlite3'}")
    else:
        made = Site(
            tmp_path,
            str(request.getfixturevalue("postgres_url")),
            broker_url=str(request.getfixturevalue("redis_url")),
        )
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "metseg-test", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small tmpfs is not permitted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def _fill(path: Path) -> None:
    """Write until the disk is full."""
    free = shutil.disk_usage(path.parent).free
    path.write_bytes(bytes(free))
    assert shutil.disk_usage(path.parent).free < 4096


def n_results(site: Site) -> int:
    with site.sessions() as session:
        return session.scalar(select(func.count()).select_from(Result)) or 0


def events(site: Site, study_uid: str) -> list[str]:
    """Codes of the history of a study's newest job."""
    job = site.job(study_uid)
    assert job is not None
    with site.sessions() as session:
        query = select(JobEvent.code).where(JobEvent.job_id == job.id).order_by(JobEvent.id)
        return list(session.scalars(query))


def events_or_none(site: Site, study_uid: str) -> list[str]:
    """As `events`; empty as long as there is no job."""
    return [] if site.job(study_uid) is None else events(site, study_uid)


def child_of(site: Site, worker: Proc) -> int:
    """Process id of the child that runs jobs."""
    site.until(lambda: worker.child() is not None, "the worker has a child")
    child = worker.child()
    assert child is not None
    return int(child.pid)


def test_a_study_dropped_into_the_inbox_is_recorded_once(site: Site) -> None:
    site.watcher(), site.worker()
    study = site.drop("quiet", slices=12)
    site.until_state(study, JobState.SUCCEEDED)
    assert events(site, study) == ["created", "claimed", "finalised"]
    assert n_results(site) == 1
    site.check()


def test_a_worker_child_killed_in_mid_job_costs_an_attempt_and_the_study_is_recorded_once(
    site: Site,
) -> None:
    order = site.order(12, "wait")
    site.watcher()
    worker = site.worker()
    study = site.drop("child killed", slices=12)
    site.until_seen(12)
    psutil.Process(child_of(site, worker)).kill()
    site.until(lambda: "worker_lost" in events(site, study), "the lease is released at once")
    order.unlink()
    site.until_state(study, JobState.SUCCEEDED)
    assert events(site, study) == ["created", "claimed", "worker_lost", "claimed", "finalised"]
    assert n_results(site) == 1
    assert worker.alive()
    site.check()


def test_a_study_whose_worker_was_killed_is_recorded_by_the_next_worker_without_a_hand(
    site: Site,
) -> None:
    order = site.order(12, "wait")
    site.watcher()
    first = site.worker()
    study = site.drop("worker killed", slices=12)
    site.until_seen(12)
    first.kill()
    order.unlink()
    site.worker()
    site.until_state(study, JobState.SUCCEEDED)
    assert events(site, study) == ["created", "claimed", "lease_expired", "claimed", "finalised"]
    assert n_results(site) == 1
    site.check()


def test_a_worker_killed_while_it_writes_leaves_nothing_behind(site: Site) -> None:
    """Killed between any two steps of storing: here at random moments of three studies."""
    site.watcher()
    studies = [site.drop(f"write {n}", slices=12 + n) for n in range(3)]
    for n in range(3):
        worker = site.worker()
        site.until_seen(12 + n)
        time.sleep(0.01 * n)
        worker.kill()
    site.worker()
    for study in studies:
        site.until_state(study, JobState.SUCCEEDED)
    assert n_results(site) == 3
    site.check()


def test_a_message_delivered_twenty_times_gives_one_result(server: Site) -> None:
    order = server.order(12, "wait")
    watcher = server.watcher()
    server.worker(), server.worker()
    study = server.drop("twenty times", slices=12)
    server.until_seen(12)
    job = server.job(study)
    assert job is not None
    server.send(*[job.id] * 10)
    order.unlink()
    server.until_state(study, JobState.SUCCEEDED)
    server.send(*[job.id] * 10)
    server.until(lambda: server.waiting_messages() == 0, "all messages are taken")
    watcher.kill()
    assert events(server, study) == ["created", "claimed", "finalised"]
    assert n_results(server) == 1
    assert server.seen(12) == 1
    server.check()


def test_messages_that_name_no_job_are_dropped_and_the_next_study_is_recorded(server: Site) -> None:
    server.watcher()
    worker = server.worker()
    server.send(987_654, -1, "CANARY", {"job": 1}, None, True, 1.5)
    study = server.drop("after nonsense", slices=12)
    server.until_state(study, JobState.SUCCEEDED)
    assert worker.alive()
    server.check()


def test_jobs_that_wait_survive_a_flushed_redis(server: Site, redis_server: RedisServer) -> None:
    server.watcher()
    studies = [server.drop(f"flushed {n}", slices=12 + n) for n in range(3)]
    server.until(lambda: server.waiting_messages() > 0, "doorbells wait in Redis")
    redis_server.flush()
    assert server.waiting_messages() == 0
    server.worker()
    for study in studies:
        server.until_state(study, JobState.SUCCEEDED)
    assert n_results(server) == 3
    server.check()


def test_a_redis_killed_and_started_again_loses_no_study(
    server: Site, redis_server: RedisServer
) -> None:
    order = server.order(12, "wait")
    server.watcher()
    worker = server.worker()
    running = server.drop("runs", slices=12)
    server.until_seen(12)
    waiting = server.drop("waits", slices=13)
    redis_server.restart(down_s=1.0)
    order.unlink()
    for study in (running, waiting):
        server.until_state(study, JobState.SUCCEEDED)
    assert n_results(server) == 2
    assert worker.alive()
    server.check()


def test_a_postgresql_killed_in_mid_job_and_started_again_loses_no_study(
    server: Site, postgres_server: PostgresServer
) -> None:
    order = server.order(12, "wait")
    server.watcher()
    server.worker()
    study = server.drop("database killed", slices=12)
    server.until_seen(12)
    postgres_server.kill()
    order.unlink()
    time.sleep(0.7)
    postgres_server.start()
    server.until_state(study, JobState.SUCCEEDED)
    assert n_results(server) == 1
    server.check()


def test_a_worker_stopped_past_its_lease_and_continued_is_refused(site: Site) -> None:
    order = site.order(12, "wait")
    site.watcher()
    zombie = site.worker()
    study = site.drop("zombie", slices=12)
    site.until_seen(12)
    site.freeze(zombie)
    site.until(lambda: "lease_expired" in events(site, study), "the lease expires")
    site.worker()
    site.until_seen(12, 2)
    order.unlink()
    site.until_state(study, JobState.SUCCEEDED)
    zombie.signal_all(signal.SIGCONT)
    job = site.job(study)
    assert job is not None
    site.check()  # the zombie's folder goes, whether it ends itself or goes on
    assert events(site, study) == ["created", "claimed", "lease_expired", "claimed", "finalised"]
    assert n_results(site) == 1
    after = site.drop("after the zombie", slices=13)
    site.until_state(after, JobState.SUCCEEDED)


def test_two_workers_and_a_zombie_that_finishes_first_after_waking_record_once(
    site: Site,
) -> None:
    """The zombie wakes while its successor runs: both end the same job, one is refused."""
    order = site.order(12, "wait")
    site.watcher()
    zombie = site.worker()
    study = site.drop("zombie wakes", slices=12)
    site.until_seen(12)
    site.freeze(zombie)
    site.worker()
    site.until_seen(12, 2)
    order.unlink()
    zombie.signal_all(signal.SIGCONT)
    site.until_state(study, JobState.SUCCEEDED)
    assert n_results(site) == 1
    site.check()


@pytest.mark.parametrize(("fault", "code"), [("memory", "out_of_memory"), ("error", "bug")])
def test_an_error_in_the_networks_costs_an_attempt_and_not_the_worker(
    site: Site, fault: str, code: str
) -> None:
    site.order(12, f"once {fault}")
    site.watcher()
    worker = site.worker()
    child = child_of(site, worker)
    study = site.drop(fault, slices=12)
    site.until_state(study, JobState.SUCCEEDED)
    assert events(site, study) == ["created", "claimed", code, "claimed", "finalised"]
    assert child_of(site, worker) == child
    site.check()


def test_a_device_that_fails_ends_its_process_and_the_attempt_is_given_back(site: Site) -> None:
    site.order(12, "once device")
    site.watcher()
    worker = site.worker()
    child = child_of(site, worker)
    study = site.drop("device", slices=12)
    site.until_state(study, JobState.SUCCEEDED)
    job = site.job(study)
    assert job is not None
    assert (job.attempt, job.infra_retries) == (1, 1)
    assert child_of(site, worker) != child
    site.check()


def test_a_poison_study_ends_failed_after_three_attempts_and_the_others_succeed(
    site: Site,
) -> None:
    site.order(13, "kill")
    site.watcher()
    site.worker()
    poison = site.drop("poison", slices=13)
    others = [site.drop(f"other {n}", slices=n) for n in (12, 14)]
    for study in others:
        site.until_state(study, JobState.SUCCEEDED, seconds=150)
    site.until_state(poison, JobState.FAILED, seconds=150)
    job = site.job(poison)
    assert job is not None
    assert (job.attempt, job.error_code) == (3, "exhausted")
    assert site.seen(13) == 3
    site.check()


def test_networks_that_cannot_be_loaded_pause_the_worker_and_cost_no_attempt(site: Site) -> None:
    order = site.order("load", "missing")
    site.watcher()
    site.worker()
    study = site.drop("no weights", slices=12)
    site.until(lambda: "weights" in str(site.paused_reason()), "the reason is visible")
    order.unlink()
    site.until_state(study, JobState.SUCCEEDED)
    assert events(site, study) == ["created", "claimed", "finalised"]
    site.until(lambda: site.paused_reason() is None, "the pause is over")
    site.check()


def test_a_full_disk_gives_the_attempt_back_and_space_lets_the_study_succeed(
    site: Site, small_disk: Path
) -> None:
    site.extra["RESULTS"] = str(small_disk)
    ballast = small_disk / "ballast"
    _fill(ballast)
    site.watcher()
    site.worker()
    study = site.drop("full disk", slices=12)
    site.until(lambda: "disk_full" in events_or_none(site, study), "the disk is full")
    site.until(lambda: "space" in str(site.paused_reason()), "the reason is visible")
    ballast.unlink()
    site.until_state(study, JobState.SUCCEEDED)
    job = site.job(study)
    assert job is not None
    assert job.attempt == 1
    assert job.infra_retries >= 1
    site.check()


def test_little_space_pauses_claims_before_any_attempt(site: Site, small_disk: Path) -> None:
    site.extra |= {"RESULTS": str(small_disk), "MIN_FREE_MB": "1"}
    ballast = small_disk / "ballast"
    _fill(ballast)
    site.watcher()
    site.worker()
    study = site.drop("little space", slices=12)
    site.until(lambda: "free" in str(site.paused_reason()), "the reason is visible")
    site.until_state(study, JobState.PENDING)
    ballast.unlink()
    site.until_state(study, JobState.SUCCEEDED)
    assert events(site, study) == ["created", "claimed", "finalised"]
    site.check()


def test_a_worker_told_to_stop_in_mid_job_finishes_the_job(site: Site) -> None:
    site.order(12, "once sleep 1.5")
    site.watcher()
    worker = site.worker()
    study = site.drop("stop", slices=12)
    site.until_seen(12)
    started = time.monotonic()
    worker.terminate()
    assert time.monotonic() - started < 28  # not always the whole 30 s
    assert site.state_of(study) is JobState.SUCCEEDED
    assert site.workers() == []
    site.check()


@pytest.mark.slow
def test_a_worker_told_to_stop_hands_back_a_job_that_does_not_end(site: Site) -> None:
    order = site.order(12, "hang")
    site.watcher()
    worker = site.worker()
    study = site.drop("stop hanging", slices=12)
    site.until_seen(12)
    worker.terminate(seconds=60)
    assert site.state_of(study) is JobState.PENDING
    order.unlink()
    site.worker()
    site.until_state(study, JobState.SUCCEEDED)
    assert "shutdown" in events(site, study)
    job = site.job(study)
    assert job is not None
    assert job.attempt == 1
    site.check()


def test_a_study_over_the_soft_limit_is_stopped_and_tried_again(site: Site) -> None:
    site.extra |= {"SOFT_TIME_LIMIT_S": "10", "HARD_TIME_LIMIT_S": "60"}
    site.order(12, "once sleep 50")
    site.watcher()
    worker = site.worker()
    child = child_of(site, worker)
    study = site.drop("slow", slices=12)
    site.until_state(study, JobState.SUCCEEDED)
    assert events(site, study) == ["created", "claimed", "over_time", "claimed", "finalised"]
    assert child_of(site, worker) == child
    site.check()


def test_a_study_deaf_to_the_soft_limit_is_killed_at_the_hard_one(site: Site) -> None:
    site.extra |= {"SOFT_TIME_LIMIT_S": "10", "HARD_TIME_LIMIT_S": "12"}
    order = site.order(12, "hang")
    site.watcher()
    site.worker()
    study = site.drop("deaf", slices=12)
    site.until_seen(12)
    site.until(lambda: "over_time" in events(site, study), "killed at the hard limit")
    order.unlink()
    site.until_state(study, JobState.SUCCEEDED)
    assert events(site, study) == ["created", "claimed", "over_time", "claimed", "finalised"]
    site.check()


def test_the_health_check_tells_a_worker_that_progresses_from_one_that_stands_still(
    site: Site,
) -> None:
    settings = Settings(database_url=site.database_url, beat_s=0.2, lease_s=1.5)
    assert unhealthy_reason(settings, Role.WORKER) is not None
    worker = site.worker()
    site.until(lambda: bool(site.workers()), "the worker registers")
    # It looks until it sees a beat: a busy machine may need longer than two and a half of them.
    assert unhealthy_reason(settings, Role.WORKER, within_s=20.0) is None
    site.freeze(worker)
    assert "stands still" in str(unhealthy_reason(settings, Role.WORKER))
