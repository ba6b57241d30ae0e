"""New weights or settings: which known studies run once more."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from db.tables.tables import Job, JobState, Worker
from tests.integration.watcher import watcher_site
from tests.integration.watcher.small_instances import write_slices
from tests.integration.watcher.watcher_site import WatcherSite
from watcher.queue.rerun import PRIORITY, rerun_known

NEW_WEIGHTS = replace(watcher_site.KEY, model_version="fake-2")


def reruns(site: WatcherSite) -> list[tuple[int, JobState]]:
    """Snapshot and state of each job for the new weights, oldest first."""
    with site.sessions() as session:
        jobs = session.scalars(
            select(Job).where(Job.model_version == NEW_WEIGHTS.model_version).order_by(Job.id)
        ).all()
        assert {job.priority for job in jobs} <= {PRIORITY}
        return [(job.snapshot_id, job.state) for job in jobs]


def rerun_in_parts(site: WatcherSite, meanwhile: Callable[[], object]) -> int:
    return rerun_known(
        site.sessions,
        NEW_WEIGHTS,
        stands=lambda *_: True,
        now=site.utc(),
        meanwhile=meanwhile,
        at_once=2,
    )


def test_new_settings_run_known_studies_again_after_new_ones(sqlite_site: WatcherSite) -> None:
    site = sqlite_site
    write_slices(site.inbox / "a", "S", range(3))
    gone = write_slices(site.inbox / "b", "gone", range(3))
    site.take_in()
    for path in gone:
        path.unlink()
    site.key = NEW_WEIGHTS
    site.take_in(rerun_known=False)
    assert len(site.jobs()) == 2
    site.take_in()
    site.take_in()
    assert [state for _, state in reruns(site)] == [JobState.PENDING]


def test_of_a_study_with_late_slices_only_the_newest_snapshot_runs_again(site: WatcherSite) -> None:
    write_slices(site.inbox / "a", "S", range(3))
    site.take_in()
    write_slices(site.inbox / "b", "S", range(3, 5))
    site.take_in()
    site.key = NEW_WEIGHTS
    site.take_in()
    assert reruns(site) == [(2, JobState.PENDING)]


def test_known_studies_run_again_in_parts_and_others_write_in_between(site: WatcherSite) -> None:
    for study in range(5):
        write_slices(site.inbox / str(study), f"S{study}", range(2))
    site.take_in()
    seen: list[int] = []

    def write() -> None:
        with site.sessions.begin() as session:
            session.execute(select(Worker.id).with_for_update())
        seen.append(len(reruns(site)))

    assert rerun_in_parts(site, write) == 5
    assert seen == [2, 4, 5]


def test_a_rerun_that_was_broken_off_is_taken_up_and_does_nothing_twice(site: WatcherSite) -> None:
    for study in range(5):
        write_slices(site.inbox / str(study), f"S{study}", range(2))
    site.take_in()

    def fail() -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        rerun_in_parts(site, fail)
    assert len(reruns(site)) == 2
    assert rerun_in_parts(site, lambda: None) == 3
    assert rerun_in_parts(site, lambda: None) == 0
    assert sorted(snapshot for snapshot, _ in reruns(site)) == [1, 2, 3, 4, 5]


def test_the_watcher_beats_while_it_looks_for_studies_to_run_again(
    sqlite_site: WatcherSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = sqlite_site
    for study in range(3):
        write_slices(site.inbox / str(study), f"S{study}", range(2))
    site.take_in()
    site.key = NEW_WEIGHTS
    beats: list[int] = []
    with site.watching() as watcher:
        monkeypatch.setattr(watcher, "_beat", lambda: beats.append(len(reruns(site))))
        watcher.step()
    assert 3 in beats
