"""A job that does not come through: bad input, files that are away, a job that is another's."""

from datetime import UTC, datetime, timedelta

import pytest

from db import jobs
from db.jobs import Claim
from db.tables.tables import Job, JobState
from tests.helpers.dicom.phantom import Mishaps, Recipe
from tests.integration.worker.conftest import Ward
from worker.files.staging import found_runs
from worker.job.execute import Ended, execute


def test_a_series_with_a_gap_fails_at_once_with_its_code_and_leaves_no_file(ward: Ward) -> None:
    recipe = Recipe(name="study", mishaps=Mishaps(missing=[5]))
    job_id, _ = ward.admit(slices=16, recipe=recipe)
    bench = ward.bench()
    report = execute(ward.claim(job_id, bench), bench)
    assert report.ended is Ended.FAILED
    with ward.sessions() as session:
        job = session.get_one(Job, job_id)
        assert (job.state, job.error_code) == (JobState.FAILED, "geometry_invalid")
    assert list(found_runs(ward.settings.results_dir)) == []


def test_a_spool_that_went_away_gives_the_attempt_back(ward: Ward) -> None:
    job_id, _ = ward.admit()
    bench = ward.bench()
    claim = ward.claim(job_id, bench)
    ward.settings.spool_dir.rename(ward.settings.spool_dir.with_name("away"))
    report = execute(claim, bench)
    assert report.ended is Ended.HANDED_BACK
    with ward.sessions() as session:
        job = session.get_one(Job, job_id)
        assert (job.state, job.attempt, job.infra_retries) == (JobState.PENDING, 0, 1)


def test_a_single_file_that_is_missing_from_the_spool_counts_as_an_attempt(ward: Ward) -> None:
    """Refunded, it would come round for ever."""
    job_id, _ = ward.admit()
    bench = ward.bench()
    claim = ward.claim(job_id, bench)
    next(ward.settings.spool_dir.rglob("*.dcm")).unlink()
    report = execute(claim, bench)
    assert report.failure is not None
    assert report.failure.code == "spool"
    with ward.sessions() as session:
        job = session.get_one(Job, job_id)
        assert (job.state, job.attempt, job.infra_retries) == (JobState.PENDING, 1, 0)


def test_a_job_that_meets_infrastructure_trouble_again_and_again_waits_longer_each_time(
    ward: Ward,
) -> None:
    """Longer than the pause of the worker: the other jobs come first."""
    job_id, _ = ward.admit()
    bench = ward.bench()
    ward.settings.spool_dir.rename(ward.settings.spool_dir.with_name("away"))
    waits = []
    for _ in range(3):
        before = datetime.now(UTC)
        execute(ward.claim(job_id, bench, at=before + timedelta(hours=1)), bench)
        with ward.sessions() as session:
            waits.append((session.get_one(Job, job_id).run_after - before).total_seconds())
    backoff_s = ward.settings.backoff_s
    assert waits == pytest.approx([2 * backoff_s, 4 * backoff_s, 8 * backoff_s], abs=5)


@pytest.fixture
def unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No beat finds the moved fence before the last commit does; it would end this process."""
    monkeypatch.setattr("worker.job.execute.jobs.beat", lambda *_args, **_kwargs: True)


@pytest.mark.usefixtures("unnoticed")
def test_a_worker_that_lost_its_job_records_nothing_and_removes_its_files(ward: Ward) -> None:
    job_id, _ = ward.admit()
    bench = ward.bench()
    claim = ward.claim(job_id, bench)
    successor = _take_over(ward, claim)
    assert execute(claim, bench).ended is Ended.LOST
    assert list(found_runs(ward.settings.results_dir)) == []
    with ward.sessions() as session:
        assert session.get_one(Job, job_id).owner == successor.owner


@pytest.mark.usefixtures("unnoticed")
def test_the_successor_and_the_zombie_never_share_a_folder(ward: Ward) -> None:
    job_id, _ = ward.admit()
    bench = ward.bench()
    claim = ward.claim(job_id, bench)
    successor = _take_over(ward, claim)
    heir = ward.bench(token="deadbeef")
    assert execute(successor, heir).ended is Ended.RECORDED
    assert execute(claim, bench).ended is Ended.LOST
    runs = [path for _, path in found_runs(ward.settings.results_dir)]
    assert [path.name for path in runs] == [f"{job_id}-2-deadbeef"]


def _take_over(ward: Ward, claim: Claim) -> Claim:
    now = datetime.now(UTC)
    with ward.sessions.begin() as session:
        (lease,) = jobs.running_leases(session)
        jobs.expire(session, lease, now=now, run_after=now, max_attempts=3)
    return ward.claim(claim.job_id, ward.bench(token="deadbeef"))
