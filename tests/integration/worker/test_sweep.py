"""The sweep removes what killed runs left, and nothing of results, live runs or other people."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

import worker.files.sweep
from db import jobs
from db.results.results import recorded_directories
from tests.helpers.rows import no_series
from tests.integration.worker.conftest import WorkerSite
from worker.files.staging import RunFolders, RunName, found_runs
from worker.files.sweep import sweep_results
from worker.job.execute import execute


def leave(site: WorkerSite, run: RunName) -> RunFolders:
    """Folders of a run, staged and published, as a process killed in between leaves them."""
    folders = RunFolders.of(site.settings.results_dir, study_id=1, run=run)
    (folders.make() / "report.json").touch()
    folders.published.mkdir(parents=True)
    return folders


def sweep(site: WorkerSite) -> set[Path]:
    return set(sweep_results(site.sessions, site.settings.results_dir))


def remaining(site: WorkerSite) -> set[str]:
    return {path.name for _, path in found_runs(site.settings.results_dir)}


def test_the_sweep_leaves_a_recorded_result(site: WorkerSite) -> None:
    job_id, _ = site.add_study()
    bench = site.bench()
    execute(site.claim(job_id, bench), bench)
    assert sweep(site) == set()
    assert remaining(site) == {f"{job_id}-1-c0ffee00"}


def test_the_sweep_leaves_a_result_that_is_recorded_while_it_looks(
    site: WorkerSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id, _ = site.add_study()
    claim = site.claim(job_id, site.bench())
    folders = leave(site, RunName(job_id, 1, "c0ffee00"))
    directory = folders.published.relative_to(site.settings.results_dir).as_posix()

    def recorded_before(session: Session) -> set[str]:
        monkeypatch.undo()
        before = recorded_directories(session)
        result = replace(no_series(claim), directory=directory)
        with site.sessions.begin() as other:
            jobs.finalise(other, claim, result, now=datetime.now(UTC))
        return before

    monkeypatch.setattr(worker.files.sweep, "recorded_directories", recorded_before)
    sweep(site)
    assert folders.published.is_dir()


def test_the_sweep_leaves_folders_of_a_running_job(site: WorkerSite) -> None:
    job_id, _ = site.add_study()
    site.claim(job_id, site.bench())
    leave(site, RunName(job_id, 1, "c0ffee00"))
    assert sweep(site) == set()


def test_the_sweep_removes_folders_of_a_run_that_was_taken_over(site: WorkerSite) -> None:
    job_id, _ = site.add_study()
    site.claim(job_id, site.bench())
    left = leave(site, RunName(job_id, 1, "c0ffee00"))
    now = datetime.now(UTC)
    with site.sessions.begin() as session:
        (lease,) = jobs.running_leases(session)
        jobs.expire(session, lease, now=now, run_after=now, max_attempts=3)
    heir = site.bench(token="deadbeef")
    site.claim(job_id, heir)
    leave(site, RunName(job_id, 2, "deadbeef"))
    assert sweep(site) == {left.staged, left.published}
    assert remaining(site) == {f"{job_id}-2-deadbeef"}


def test_the_sweep_leaves_folders_of_runs_that_this_database_never_made(site: WorkerSite) -> None:
    """Another database was used here before, and its results must not be deleted."""
    job_id, _ = site.add_study()
    bench = site.bench()
    execute(site.claim(job_id, bench), bench)
    leave(site, RunName(job_id, 1, "beefbeef"))
    leave(site, RunName(job_id + 1000, 1, "c0ffee00"))
    assert sweep(site) == set()
