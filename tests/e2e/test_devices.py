"""Devices by lease on real processes; the devices are a list that a fake nvidia-smi prints."""

import os
from collections.abc import Iterator

import psutil
import pytest
from sqlalchemy import select

from db.tables.result_tables import Result
from db.tables.tables import JobState
from tests.e2e.conftest import EMBEDDED, SERVER
from tests.e2e.site import Site
from tests.e2e.site_queries import child_of, events, n_results
from tests.helpers.devices import FakeDevices

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]


@pytest.fixture
def fake(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDevices]:
    """Devices that all processes of the site see."""
    devices = FakeDevices(site.home / "fake")
    monkeypatch.setenv("PATH", f"{devices.bin}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    site.extra["DEVICE"] = "gpu"
    return devices


def seen_by_cuda(site: Site) -> list[str]:
    """The devices that were visible at each prediction."""
    return sorted(path.read_text() for path in site.faults.glob("seen-*"))


def drop(site: Site, count: int) -> list[str]:
    return [site.drop(f"study {n}", slices=12 + n) for n in range(count)]


def computed_on(site: Site) -> set[str]:
    with site.sessions() as session:
        return {compute["device"] for compute in session.scalars(select(Result.compute)) if compute}


def end(site: Site, studies: list[str]) -> None:
    """All are recorded once, and nothing is left over."""
    for study in studies:
        site.until_state(study, JobState.SUCCEEDED, seconds=120)
    assert n_results(site) == len(studies)
    site.check()


@pytest.mark.parametrize("site", [SERVER], indirect=True)
def test_four_workers_on_four_devices_use_all_four(site: Site, fake: FakeDevices) -> None:
    fake.plug([0, 1, 2, 3])
    order = site.order("all", "wait")
    site.watcher()
    for _ in range(4):
        site.worker()
    studies = drop(site, 4)
    site.until(lambda: len(seen_by_cuda(site)) == 4, "four studies run at once", seconds=120)
    assert seen_by_cuda(site) == ["GPU-0", "GPU-1", "GPU-2", "GPU-3"]
    order.unlink()
    end(site, studies)
    assert computed_on(site) == {f"Fake (GPU-{n})" for n in range(4)}


def test_workers_without_a_device_wait_and_say_so_and_nothing_is_lost(
    site: Site, fake: FakeDevices
) -> None:
    fake.plug([0, 1])
    order = site.order("all", "wait")
    site.watcher()
    for _ in range(4):
        site.worker()
    studies = drop(site, 5)
    waiting = "no free device: 2 of 2 in use, 0 left out"
    site.until(
        lambda: (
            [row.paused_reason for row in site.workers()].count(waiting) == 2
            and {row.device for row in site.workers()} == {"Fake (GPU-0)", "Fake (GPU-1)", None}
            and len(seen_by_cuda(site)) >= 2
        ),
        "two workers wait",
        seconds=120,
    )
    assert seen_by_cuda(site) == ["GPU-0", "GPU-1"]
    order.unlink()
    end(site, studies)


@pytest.mark.parametrize("site", [EMBEDDED], indirect=True)
def test_the_device_of_a_killed_worker_is_taken_by_one_that_waits(
    site: Site, fake: FakeDevices
) -> None:
    fake.plug([5])
    order = site.order("all", "wait")
    site.watcher()
    first = site.worker()
    studies = drop(site, 1)
    site.until_seen(12)
    site.worker()
    site.until(
        lambda: any(row.paused_reason for row in site.workers()), "the second waits", seconds=60
    )
    first.kill()
    order.unlink()
    end(site, studies)
    assert events(site, studies[0])[-3:] == ["lease_expired", "claimed", "finalised"]
    assert computed_on(site) == {"Fake (GPU-5)"}


@pytest.mark.parametrize("site", [SERVER], indirect=True)
def test_a_device_that_fails_and_vanishes_is_left_out_and_its_job_goes_to_another(
    site: Site, fake: FakeDevices
) -> None:
    fake.plug([0, 1])
    site.extra["BACKOFF_S"] = "5"
    site.order(12, "once device")
    site.watcher(), site.worker()
    studies = drop(site, 1)
    site.until(
        lambda: any("Fake (GPU-0)" in str(row.devices_left_out) for row in site.workers()),
        "the device is named as left out",
        seconds=60,
    )
    fake.plug([1])
    studies += [site.drop("later", slices=20)]
    end(site, studies)
    assert events(site, studies[0]) == ["created", "claimed", "device", "claimed", "finalised"]
    assert computed_on(site) == {"Fake (GPU-1)"}


@pytest.mark.parametrize("site", [SERVER], indirect=True)
def test_workers_come_and_go_in_the_middle_of_a_batch(site: Site, fake: FakeDevices) -> None:
    fake.plug([0, 1, 2])
    site.order("all", "sleep 0.7")
    site.watcher()
    studies = drop(site, 12)
    workers = [site.worker()]
    site.until(lambda: n_results(site) >= 1, "the first is recorded", seconds=120)
    workers += [site.worker() for _ in range(2)]
    site.until(lambda: n_results(site) >= 5, "more are recorded", seconds=120)
    workers[0].terminate()
    workers[1].kill()
    end(site, studies)


def test_a_worker_with_nothing_to_do_gives_its_memory_and_its_device_back(
    site: Site, fake: FakeDevices
) -> None:
    fake.plug([0])
    site.extra["UNLOAD_S"] = "2"
    site.watcher()
    workers = [site.worker()]
    first = site.drop("first", slices=12)
    site.until_state(first, JobState.SUCCEEDED)
    loaded = child_of(site, workers[0])
    workers.append(site.worker())
    site.until(lambda: not psutil.pid_exists(loaded), "the loaded process ends", seconds=60)
    later = site.drop("later", slices=13)
    end(site, [first, later])
    assert all(worker.alive() for worker in workers)
