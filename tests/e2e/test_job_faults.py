"""Faults that a job meets in its worker: networks, devices, a full disk, too much time."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.tables.tables import JobState
from tests.e2e.site import Site
from tests.e2e.site_queries import child_of, events, events_or_none
from tests.e2e.small_disk import mounted_small

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    with mounted_small(tmp_path / "small", size="4m") as folder:
        yield folder


def _fill(path: Path) -> None:
    """Write until the disk is full."""
    free = shutil.disk_usage(path.parent).free
    path.write_bytes(bytes(free))
    assert shutil.disk_usage(path.parent).free < 4096


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
        site.until_state(study, JobState.SUCCEEDED)
    site.until_state(poison, JobState.FAILED)
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


def test_little_free_space_pauses_claims_before_any_attempt(site: Site, small_disk: Path) -> None:
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


def test_a_study_over_the_soft_limit_is_stopped_and_tried_again(site: Site) -> None:
    site.extra |= {"TIME_LIMIT_S": "20"}
    site.order(12, "once sleep 70")
    site.watcher()
    worker = site.worker()
    child = child_of(site, worker)
    study = site.drop("slow", slices=12)
    site.until_state(study, JobState.SUCCEEDED)
    assert events(site, study) == ["created", "claimed", "over_time", "claimed", "finalised"]
    assert child_of(site, worker) == child
    site.check()


def test_a_study_that_ignores_the_soft_limit_is_killed_at_the_hard_one(site: Site) -> None:
    site.extra |= {"TIME_LIMIT_S": "20"}
    site.order(12, "once hang")
    site.watcher()
    site.worker()
    study = site.drop("deaf", slices=12)
    site.until_state(study, JobState.SUCCEEDED)
    assert events(site, study) == ["created", "claimed", "over_time", "claimed", "finalised"]
    site.check()
