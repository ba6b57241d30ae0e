"""Jobs that do not succeed: bad input, missing files, a job that was taken over."""

from datetime import UTC, datetime, timedelta

import pytest

from db import jobs
from db.jobs import Claim
from db.tables.tables import Job, JobState
from tests.helpers.dicom.phantom import Mishaps, Recipe
from tests.integration.worker.conftest import WorkerSite
from worker.files.staging import found_runs
from worker.job.execute import Ended, execute


def test_a_series_with_a_gap_fails_at_once_with_its_code_and_leaves_no_file(
    site: WorkerSite,
) -> None:
    recipe = Recipe(name="study", mishaps=Mishaps(missing=[5]))
    job_id, _ = site.add_study(slices=16, recipe=recipe)
    bench = site.bench()
    report = execute(site.claim(job_id, bench), bench)
    assert report.ended is Ended.FAILED
    with site.sessions() as session:
        job = session.get_one(Job, job_id)
        assert (job.state, job.error_code) == (JobState.FAILED, "geometry_invalid")
    assert list(found_runs(site.settings.results_dir)) == []


def test_a_spool_that_went_away_gives_the_attempt_back(site: WorkerSite) -> None:
    job_id, _ = site.add_study()
    bench = site.bench()
    claim = site.claim(job_id, bench)
    site.settings.spool_dir.rename(site.settings.spool_dir.with_name("away"))
    report = execute(claim, bench)
    assert report.ended is Ended.HANDED_BACK
    with site.sessions() as session:
        job = session.get_one(Job, job_id)
        assert (job.state, job.attempt, job.infra_retries) == (JobState.PENDING, 0, 1)


def test_a_single_file_that_is_missing_from_the_spool_counts_as_an_attempt(
    site: WorkerSite,
) -> None:
    """If the attempt were given back, the job would be tried for ever."""
    job_id, _ = site.add_study()
    bench = site.bench()
    claim = site.claim(job_id, bench)
    next(site.settings.spool_dir.rglob("*.dcm")).unlink()
    report = execute(claim, bench)
    assert report.failure is not None
    assert report.failure.code == "spool"
    with site.sessions() as session:
        job = session.get_one(Job, job_id)
        assert (job.state, job.attempt, job.infra_retries) == (JobState.PENDING, 1, 0)


def test_a_job_that_meets_infrastructure_trouble_again_and_again_waits_longer_each_time(
    site: WorkerSite,
) -> None:
    """Longer than the pause of the worker, so that other jobs come first."""
    job_id, _ = site.add_study()
    bench = site.bench()
    site.settings.spool_dir.rename(site.settings.spool_dir.with_name("away"))
    waits = []
    for _ in range(3):
        before = datetime.now(UTC)
        execute(site.claim(job_id, bench, at=before + timedelta(hours=1)), bench)
        with site.sessions() as session:
            waits.append((session.get_one(Job, job_id).run_after - before).total_seconds())
    backoff_s = site.settings.backoff_s
    assert waits == pytest.approx([2 * backoff_s, 4 * backoff_s, 8 * backoff_s], abs=5)


@pytest.fixture
def unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No heartbeat finds the moved fence before the last commit does: it would end this process."""
    monkeypatch.setattr("worker.job.execute.jobs.beat", lambda *_args, **_kwargs: True)


@pytest.mark.usefixtures("unnoticed")
def test_a_worker_that_lost_its_job_records_nothing_and_removes_its_files(site: WorkerSite) -> None:
    job_id, _ = site.add_study()
    bench = site.bench()
    claim = site.claim(job_id, bench)
    successor = _take_over(site, claim)
    assert execute(claim, bench).ended is Ended.LOST
    assert list(found_runs(site.settings.results_dir)) == []
    with site.sessions() as session:
        assert session.get_one(Job, job_id).owner == successor.owner


@pytest.mark.usefixtures("unnoticed")
def test_the_successor_and_the_zombie_never_share_a_folder(site: WorkerSite) -> None:
    job_id, _ = site.add_study()
    bench = site.bench()
    claim = site.claim(job_id, bench)
    successor = _take_over(site, claim)
    heir = site.bench(token="deadbeef")
    assert execute(successor, heir).ended is Ended.RECORDED
    assert execute(claim, bench).ended is Ended.LOST
    runs = [path for _, path in found_runs(site.settings.results_dir)]
    assert [path.name for path in runs] == [f"{job_id}-2-deadbeef"]


def _take_over(site: WorkerSite, claim: Claim) -> Claim:
    now = datetime.now(UTC)
    with site.sessions.begin() as session:
        (lease,) = jobs.running_leases(session)
        jobs.expire(session, lease, now=now, run_after=now, max_attempts=3)
    return site.claim(claim.job_id, site.bench(token="deadbeef"))
