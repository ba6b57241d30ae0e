"""Between jobs: what a worker takes, what it leaves to others, when it pauses."""

from pathlib import Path

import pytest

from db.tables.tables import Job, JobState
from metseg.errors import DeviceError, WeightsError
from metseg.processes import new_owner
from metseg.settings import Settings
from models.ensemble import Ensemble, Prediction
from tests.helpers.fakes import ThresholdEnsemble
from tests.integration.worker.conftest import WorkerSite
from worker.job.execute import Ended
from worker.job.pause import PauseNote
from worker.job.runner import EXIT_DEVICE, Runner


class FailingEnsemble(ThresholdEnsemble):
    """Raises the error that it is given."""

    error: Exception | None = None

    def predict(self, *args: object, **kwargs: object) -> Prediction:
        if self.error is not None:
            raise self.error
        return super().predict(*args, **kwargs)  # type: ignore[arg-type]


def runner(site: WorkerSite, folder: Path, *, ensemble: Ensemble | None = None) -> Runner:
    return Runner(
        settings=site.settings,
        sessions=site.sessions,
        owner=new_owner("worker"),
        note=PauseNote(folder),
        loader=lambda _settings: ensemble or ThresholdEnsemble(),
    )


def state(site: WorkerSite, job_id: int) -> tuple[JobState, int]:
    with site.sessions() as session:
        job = session.get_one(Job, job_id)
        return job.state, job.attempt


def test_the_next_due_job_is_run_until_there_is_none(site: WorkerSite, tmp_path: Path) -> None:
    first, _ = site.add_study("one")
    second, _ = site.add_study("two")
    one = runner(site, tmp_path)
    reports = [one.run_next() for _ in range(3)]
    assert [report and report.ended for report in reports] == [Ended.RECORDED] * 2 + [None]
    assert {state(site, first), state(site, second)} == {(JobState.SUCCEEDED, 1)}


def test_a_message_for_a_job_that_is_done_or_unknown_does_nothing(
    site: WorkerSite, tmp_path: Path
) -> None:
    job_id, _ = site.add_study()
    one = runner(site, tmp_path)
    assert one.run_job(job_id) is not None
    assert one.run_job(job_id) is None
    assert one.run_job(987_654) is None


def test_a_doorbell_is_answered_with_all_jobs_that_are_due(
    site: WorkerSite, tmp_path: Path
) -> None:
    jobs = [site.add_study(name)[0] for name in ("one", "two", "three")]
    runner(site, tmp_path).answer(jobs[1])
    assert {state(site, job) for job in jobs} == {(JobState.SUCCEEDED, 1)}


def test_an_answer_to_a_doorbell_ends_when_its_part_of_the_time_limit_is_over(
    site: WorkerSite, tmp_path: Path
) -> None:
    first, _ = site.add_study("one")
    second, _ = site.add_study("two")
    one = runner(site, tmp_path)
    one.settings = site.settings.model_copy(update={"time_limit_s": 0})
    one.answer(second)
    assert state(site, second) == (JobState.SUCCEEDED, 1)
    assert state(site, first) == (JobState.PENDING, 0)


def test_a_job_made_for_other_weights_or_settings_is_left_to_other_workers(
    site: WorkerSite, tmp_path: Path
) -> None:
    class NewerEnsemble(ThresholdEnsemble):
        version = "fake-2"

    job_id, _ = site.add_study()
    one = runner(site, tmp_path, ensemble=NewerEnsemble())
    assert one.run_job(job_id) is None
    assert one.run_next() is None
    other = runner(site, tmp_path)
    other.settings = Settings(home=site.settings.home, min_free_mb=0, accept_any_t1=True)
    assert other.run_next() is None
    assert state(site, job_id) == (JobState.PENDING, 0)


def test_networks_are_loaded_once_and_before_the_first_claim(
    site: WorkerSite, tmp_path: Path
) -> None:
    loads: list[int] = []

    def loader(_settings: Settings) -> Ensemble:
        loads.append(1)
        if len(loads) == 1:
            raise WeightsError("weights must have their recorded SHA-256, got another")
        return ThresholdEnsemble()

    job_id, _ = site.add_study("one")
    site.add_study("two")
    one = runner(site, tmp_path)
    one.loader = loader
    assert one.run_next() is None
    assert state(site, job_id) == (JobState.PENDING, 0)
    assert "SHA-256" in str(one.paused_reason())
    one.note.clear()
    assert one.run_next() is not None
    assert one.run_next() is not None
    assert len(loads) == 2


def test_infrastructure_trouble_pauses_the_worker_and_a_success_ends_the_pause(
    site: WorkerSite, tmp_path: Path
) -> None:
    site.add_study()
    networks = FailingEnsemble()
    networks.error = OSError(28, "No space left on device")
    one = runner(site, tmp_path, ensemble=networks)
    report = one.run_next()
    assert report is not None
    assert report.ended is Ended.HANDED_BACK
    assert "space" in str(one.paused_reason())
    assert one.run_next() is None
    networks.error = None
    one.note.hit("over", now=-1e6, backoff_s=1.0)  # the pause is long over
    one.settings = one.settings.model_copy(update={"backoff_s": 0.0})
    site.add_study("another")
    assert one.run_next() is not None
    assert one.note.read() is None


def test_a_failed_device_ends_the_process_after_its_job_is_handed_back(
    site: WorkerSite, tmp_path: Path
) -> None:
    job_id, _ = site.add_study()
    networks = FailingEnsemble()
    networks.error = DeviceError("the device must answer, got nothing")
    one = runner(site, tmp_path, ensemble=networks)
    statuses: list[int] = []
    one.end = statuses.append
    one.run_next()
    assert statuses == [EXIT_DEVICE]
    assert state(site, job_id) == (JobState.PENDING, 0)


def test_a_transient_failure_counts_as_an_attempt_and_the_third_is_the_last(
    site: WorkerSite, tmp_path: Path
) -> None:
    job_id, _ = site.add_study()
    networks = FailingEnsemble()
    networks.error = RuntimeError("CANARY^PATIENT")
    one = runner(site, tmp_path, ensemble=networks)
    one.settings = one.settings.model_copy(update={"backoff_s": 0.0})
    ends = []
    for _ in range(4):
        report = one.run_next()
        ends.append(report and report.ended)
    assert ends == [Ended.HANDED_BACK, Ended.HANDED_BACK, Ended.FAILED, None]
    with site.sessions() as session:
        job = session.get_one(Job, job_id)
    assert job.error_code == "exhausted"
    assert "CANARY" not in str(job.error_message)
    assert one.paused_reason() is None


def test_little_free_space_stops_claims(site: WorkerSite, tmp_path: Path) -> None:
    job_id, _ = site.add_study()
    one = runner(site, tmp_path)
    one.settings = one.settings.model_copy(update={"min_free_mb": 1e12})
    assert one.run_next() is None
    assert "free" in str(one.paused_reason())
    assert state(site, job_id) == (JobState.PENDING, 0)


@pytest.mark.parametrize("loaded", [True, False])
def test_a_bug_while_loading_networks_is_not_hidden(
    site: WorkerSite, tmp_path: Path, *, loaded: bool
) -> None:
    def loader(_settings: Settings) -> Ensemble:
        if loaded:
            return ThresholdEnsemble()
        raise ValueError("bug")

    one = runner(site, tmp_path)
    one.loader = loader
    if loaded:
        assert one.run_next() is None
    else:
        with pytest.raises(ValueError, match="bug"):
            one.run_next()
