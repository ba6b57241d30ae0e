"""Faults of what lies between the processes, in server mode: messages, Redis, PostgreSQL."""

import signal
import time

import pytest

from db.tables.tables import JobState
from tests.e2e.site import Site
from tests.e2e.site_queries import events, n_results
from tests.helpers.servers.services import PostgresServer, RedisServer

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]


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


def test_messages_without_a_job_are_dropped_and_the_next_study_is_recorded(server: Site) -> None:
    server.watcher()
    worker = server.worker()
    server.send(987_654, -1, "CANARY", {"job": 1}, None, True, 1.5)
    study = server.drop("after nonsense", slices=12)
    server.until_state(study, JobState.SUCCEEDED)
    assert worker.alive()
    server.check()


def test_waiting_jobs_survive_a_flushed_redis(server: Site, redis_server: RedisServer) -> None:
    watcher = server.watcher()
    studies = [server.drop(f"flushed {n}", slices=12 + n) for n in range(3)]
    server.until(lambda: server.waiting_messages() > 0, "doorbells wait in Redis")
    server.freeze(watcher)  # it rings again at every sweep, also between the next two lines
    redis_server.flush()
    assert server.waiting_messages() == 0
    watcher.signal_all(signal.SIGCONT)
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
