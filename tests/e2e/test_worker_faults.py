"""Faults on real processes: whatever is killed, stopped or lost, each study is recorded once,
unattended.

Each test runs embedded (SQLite) and as a server (PostgreSQL, Redis, Celery) where the fault exists
in both.
"""

import signal
import time

import psutil
import pytest

from db.tables.tables import JobState, Role
from metseg.settings import Settings
from tests.e2e.site import Site
from tests.e2e.site_queries import child_of, events, n_results
from worker.process.health import unhealthy_reason

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]


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


def test_a_study_whose_worker_was_killed_is_recorded_by_the_next_worker_unattended(
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
    """It is killed between any two steps of storing: at random moments of three studies."""
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
    """The zombie wakes while its successor runs: both finish the same job, and one is refused."""
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


def test_the_health_check_passes_a_worker_that_progresses_and_fails_one_that_stands_still(
    site: Site,
) -> None:
    settings = Settings(database_url=site.database_url, lease_s=1.8)
    assert unhealthy_reason(settings, Role.WORKER) is not None
    worker = site.worker()
    site.until(lambda: bool(site.workers()), "the worker registers")
    # It looks until it sees a beat: a busy machine may need longer than two and a half of them.
    assert unhealthy_reason(settings, Role.WORKER, within_s=20.0) is None
    site.freeze(worker)
    assert "stands still" in str(unhealthy_reason(settings, Role.WORKER))
