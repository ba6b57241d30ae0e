"""What killed runs left is taken away; results, live runs and other people's folders are not."""

from pathlib import Path

from tests.integration.worker.conftest import Ward
from worker.files.staging import RunFolders, RunName, found_runs
from worker.files.sweep import sweep_results
from worker.job.execute import execute


def leave(ward: Ward, run: RunName) -> RunFolders:
    """Folders of a run, staged and published, as a process killed in between leaves them."""
    folders = RunFolders.of(ward.settings.results_dir, study_id=1, run=run)
    (folders.make() / "report.json").touch()
    folders.published.mkdir(parents=True)
    return folders


def sweep(ward: Ward) -> set[Path]:
    return set(sweep_results(ward.sessions, ward.settings.results_dir))


def remaining(ward: Ward) -> set[str]:
    return {path.name for _, path in found_runs(ward.settings.results_dir)}


def test_the_sweep_leaves_a_recorded_result(ward: Ward) -> None:
    job_id, _ = ward.admit()
    bench = ward.bench()
    execute(ward.claim(job_id, bench), bench)
    assert sweep(ward) == set()
    assert remaining(ward) == {f"{job_id}-1-c0ffee00"}


def test_the_sweep_leaves_folders_of_a_running_job(ward: Ward) -> None:
    job_id, _ = ward.admit()
    ward.claim(job_id, ward.bench())
    leave(ward, RunName(job_id, 1, "c0ffee00"))
    assert sweep(ward) == set()


def test_the_sweep_removes_folders_of_a_run_that_was_taken_over(ward: Ward) -> None:
    from datetime import UTC, datetime

    from db import jobs

    job_id, _ = ward.admit()
    ward.claim(job_id, ward.bench())
    left = leave(ward, RunName(job_id, 1, "c0ffee00"))
    now = datetime.now(UTC)
    with ward.sessions.begin() as session:
        (lease,) = jobs.running_leases(session)
        jobs.expire(session, lease, now=now, run_after=now, max_attempts=3)
    heir = ward.bench(token="deadbeef")
    ward.claim(job_id, heir)
    leave(ward, RunName(job_id, 2, "deadbeef"))
    assert sweep(ward) == {left.staged, left.published}
    assert remaining(ward) == {f"{job_id}-2-deadbeef"}


def test_the_sweep_leaves_folders_of_runs_that_this_database_never_made(ward: Ward) -> None:
    """Another database was here before, and its results are not ours to delete."""
    job_id, _ = ward.admit()
    bench = ward.bench()
    execute(ward.claim(job_id, bench), bench)
    leave(ward, RunName(job_id, 1, "beefbeef"))
    leave(ward, RunName(job_id + 1000, 1, "c0ffee00"))
    assert sweep(ward) == set()
