"""Between jobs: what a worker takes, what it leaves to others, when it pauses."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from db import jobs
from db.tables.tables import Job, JobState
from metseg.errors import DeviceError, WeightsError
from metseg.processes import new_owner
from metseg.settings import Settings
from models.ensemble import Ensemble, Prediction
from tests.helpers.devices import FakeDevices
from tests.helpers.fakes import ThresholdEnsemble
from tests.integration.worker.conftest import WorkerSite
from worker.host.devices import Device
from worker.host.host import Host
from worker.host.place import host_folder
from worker.job.execute import Ended
from worker.job.exits import EXIT_DEVICE, EXIT_RESTED
from worker.job.networks import Networks
from worker.job.pause import pause_note
from worker.job.runner import Runner


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
        note=pause_note(folder),
        networks=Networks(
            site.settings,
            Host(site.settings, "worker"),
            loader=lambda _settings, _device: ensemble or ThresholdEnsemble(),
        ),
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


def test_a_doorbell_is_answered_with_a_more_urgent_job_and_rings_again(
    site: WorkerSite, tmp_path: Path
) -> None:
    rerun, new, waits = (site.add_study(name)[0] for name in ("rerun", "new", "waits"))
    with site.sessions.begin() as session:
        session.get_one(Job, rerun).priority = -1
        session.get_one(Job, waits).priority = 5
        session.get_one(Job, waits).run_after = datetime.now(UTC) + timedelta(minutes=5)
        jobs.mark_published(session, [rerun], now=datetime.now(UTC))
    one = runner(site, tmp_path)
    one.settings = site.settings.model_copy(update={"time_limit_s": 0})
    one.answer(rerun)
    assert [state(site, job)[0] for job in (rerun, new, waits)] == [
        "pending",
        "succeeded",
        "pending",
    ]
    with site.sessions() as session:
        assert session.get_one(Job, rerun).published_at is None
    one.answer(rerun)
    assert state(site, rerun) == (JobState.SUCCEEDED, 1)


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

    def loader(_settings: Settings, _device: Device | None) -> Ensemble:
        loads.append(1)
        if len(loads) == 1:
            raise WeightsError("weights must have their recorded SHA-256, got another")
        return ThresholdEnsemble()

    job_id, _ = site.add_study("one")
    site.add_study("two")
    one = runner(site, tmp_path)
    one.networks.loader = loader
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
    failed_device(site, tmp_path)


def failed_device(site: WorkerSite, folder: Path) -> Runner:
    """A runner whose device failed: its process ended, after the job was handed back."""
    job_id, _ = site.add_study()
    networks = FailingEnsemble()
    networks.error = DeviceError("the device must answer, got nothing")
    one = runner(site, folder, ensemble=networks)
    statuses: list[int] = []
    one.end = statuses.append
    one.run_next()
    assert statuses == [EXIT_DEVICE]
    assert state(site, job_id) == (JobState.PENDING, 0)
    return one


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
    def loader(_settings: Settings, _device: Device | None) -> Ensemble:
        if loaded:
            return ThresholdEnsemble()
        raise ValueError("bug")

    one = runner(site, tmp_path)
    one.networks.loader = loader
    assert one.run_next() is None
    site.add_study()
    if loaded:
        assert one.run_next() is not None
    else:
        with pytest.raises(ValueError, match="bug"):
            one.run_next()


def test_networks_are_loaded_only_when_a_job_is_due(site: WorkerSite, tmp_path: Path) -> None:
    loads: list[int] = []

    def loader(_settings: Settings, _device: Device | None) -> Ensemble:
        loads.append(1)
        return ThresholdEnsemble()

    one = runner(site, tmp_path)
    one.networks.loader = loader
    assert one.run_next() is None
    assert one.run_job(987_654) is None
    assert loads == []
    site.add_study()
    assert one.run_next() is not None
    assert loads == [1]


def test_a_process_ends_only_when_it_has_loaded_networks_and_had_nothing_to_do_for_long(
    site: WorkerSite, tmp_path: Path
) -> None:
    one = runner(site, tmp_path)
    statuses: list[int] = []
    one.end = statuses.append
    one.networks.settings = site.settings.model_copy(update={"unload_s": 1e-9})
    one.rest()
    site.add_study()
    one.run_next()
    with one._busy:
        one.rest()  # as from another thread, in the middle of a job
    assert statuses == []
    one.rest()
    assert statuses == [EXIT_RESTED]


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDevices:
    """One device on this host."""
    fake = FakeDevices(tmp_path / "fake")
    fake.plug([0])
    monkeypatch.setenv("PATH", f"{fake.bin}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return fake


@pytest.mark.usefixtures("gpu")
def test_a_process_that_leased_a_device_and_cannot_load_networks_gives_the_device_back(
    site: WorkerSite, tmp_path: Path
) -> None:
    def loader(_settings: Settings, _device: Device | None) -> Ensemble:
        raise WeightsError("weights must have their recorded SHA-256, got another")

    job_id, _ = site.add_study()
    one = runner(site, tmp_path)
    one.networks.loader = loader
    statuses: list[int] = []
    one.end = statuses.append
    assert one.run_next() is None
    assert statuses == [EXIT_RESTED]
    assert "SHA-256" in str(one.paused_reason())
    assert state(site, job_id) == (JobState.PENDING, 0)


@pytest.mark.usefixtures("gpu")
def test_a_message_that_no_device_is_free_for_is_sent_again_and_costs_no_attempt(
    site: WorkerSite, tmp_path: Path
) -> None:
    job_id, _ = site.add_study()
    with site.sessions.begin() as session:
        jobs.mark_published(session, [job_id], now=datetime.now(UTC))
    other = Host(site.settings, "other")
    other.compute_device()
    one = runner(site, tmp_path)
    one.patience_s = 0.0
    assert one.run_job(job_id) is None
    assert one.run_next() is None
    assert state(site, job_id) == (JobState.PENDING, 0)
    with site.sessions() as session:
        due = {"now": datetime.now(UTC), "republish_s": 1e6, "limit": 9}
        assert jobs.jobs_to_ring(session, **due) == [job_id]
    assert one.paused_reason() is None


@pytest.mark.usefixtures("gpu")
def test_a_failed_device_is_left_out_and_the_worker_itself_does_not_pause(
    site: WorkerSite, tmp_path: Path
) -> None:
    one = failed_device(site, tmp_path)
    assert one.paused_reason() is None
    assert "got nothing" in str(Host(site.settings, "next").standing().left_out)


@pytest.mark.usefixtures("gpu")
def test_a_failed_device_ends_the_process_where_that_cannot_be_noted(
    site: WorkerSite, tmp_path: Path
) -> None:
    folder = host_folder(site.settings.home_dir)
    (folder / "device-GPU-0.failed").mkdir()  # a file cannot replace it, as on a full disk
    one = failed_device(site, tmp_path)
    assert one.networks.host.standing().left_out is None


@pytest.mark.usefixtures("gpu")
def test_a_job_that_went_well_did_so_where_that_cannot_be_noted(
    site: WorkerSite, tmp_path: Path
) -> None:
    (host_folder(site.settings.home_dir) / "device-GPU-0.failed").mkdir()
    site.add_study()
    report = runner(site, tmp_path).run_next()
    assert report is not None
    assert report.ended is Ended.RECORDED
