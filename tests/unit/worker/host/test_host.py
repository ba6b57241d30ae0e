"""What a worker takes of its host, and how it stands with it."""

import errno
import fcntl
from pathlib import Path

import pytest

from metseg.errors import NoFreeDeviceError
from metseg.settings import Settings
from tests.helpers.devices import FakeDevices
from worker.host.host import Host, Standing


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDevices:
    """Devices on the PATH of this process."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    fake = FakeDevices(tmp_path / "fake")
    monkeypatch.setenv("PATH", f"{fake.bin}:/usr/bin:/bin")
    return fake


def host(folder: Path, name: str, **settings: object) -> Host:
    return Host(Settings(home=folder / "home", **settings), name)


def test_workers_take_a_device_each_and_the_next_one_says_why_it_waits(
    tmp_path: Path, fake: FakeDevices
) -> None:
    fake.plug([0, 1])
    children = [host(tmp_path, name) for name in "abc"]
    parents = [host(tmp_path, name) for name in "abc"]
    for child in children[:2]:
        child.compute_device()
        child.compute_device()  # the same one
    with pytest.raises(NoFreeDeviceError, match="2 of 2 in use, 0 left out"):
        children[2].compute_device()
    first, second, third = (parent.standing() for parent in parents)
    assert (first.device, second.device) == ("Fake (GPU-0)", "Fake (GPU-1)")
    assert first.waiting_reason is None
    assert (third.device, third.waiting_reason) == (
        None,
        "no free device: 2 of 2 in use, 0 left out",
    )


def test_workers_may_share_a_device_by_a_setting(tmp_path: Path, fake: FakeDevices) -> None:
    fake.plug([0])
    children = [host(tmp_path, name, workers_per_device=2) for name in "abc"]
    assert children[0].compute_device() == children[1].compute_device()
    with pytest.raises(NoFreeDeviceError):
        children[2].compute_device()


def test_a_failed_device_is_left_out_and_another_is_taken_by_the_next_process(
    tmp_path: Path, fake: FakeDevices
) -> None:
    fake.plug([0, 1])
    dead = host(tmp_path, "a")
    dead.compute_device()
    assert dead.device_failed("it answered nothing")
    device = host(tmp_path, "a").compute_device()
    assert device is not None
    assert device.uuid == "GPU-1"
    standing = host(tmp_path, "a").standing()
    assert standing.left_out == "Fake (GPU-0): it answered nothing"
    dead.device_worked()
    assert host(tmp_path, "a").standing().left_out is None


def test_without_devices_auto_computes_on_the_processor_and_a_hidden_gpu_is_waited_for(
    tmp_path: Path, fake: FakeDevices, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor = host(tmp_path, "a")
    assert processor.compute_device() is None
    assert processor.standing().device == "cpu"
    assert not processor.device_failed("whatever")
    fake.plug([0])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    hidden = host(tmp_path, "a", device="gpu")
    with pytest.raises(NoFreeDeviceError, match="no device is visible"):
        hidden.compute_device()
    assert "no device is visible" in str(hidden.standing().waiting_reason)


def test_a_gpu_that_nvidia_smi_does_not_know_is_leased_as_the_only_one(
    tmp_path: Path, fake: FakeDevices
) -> None:
    assert fake.bin.exists()
    device = host(tmp_path, "a", device="gpu").compute_device()
    assert device is not None
    assert device.uuid == ""
    with pytest.raises(NoFreeDeviceError):
        host(tmp_path, "b", device="gpu").compute_device()


def test_cores_are_shared_while_both_work(tmp_path: Path) -> None:
    one, two = host(tmp_path, "a"), host(tmp_path, "b")
    with one.at_work() as ours:
        alone = ours()
        with two.at_work() as theirs:
            assert ours() + theirs() == max(2, alone)
        assert ours() == alone


def test_an_engine_of_processors_computes_on_the_processor(
    tmp_path: Path, fake: FakeDevices
) -> None:
    fake.plug([0])
    assert host(tmp_path, "a", engine="openvino").compute_device() is None
    assert host(tmp_path, "a", engine="openvino").standing().device == "cpu"


def test_a_list_that_fails_leaves_the_last_one_in_force(
    tmp_path: Path, fake: FakeDevices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.host.host.LIST_AGAIN_S", -1.0)
    fake.plug([0])
    parent, child = host(tmp_path, "a", device="gpu"), host(tmp_path, "a", device="gpu")
    assert child.compute_device() is not None
    assert parent.standing().device == "Fake (GPU-0)"
    (fake.bin / "nvidia-smi").write_text("#!/bin/sh\nexit 15\n")
    assert parent.standing() == Standing(device="Fake (GPU-0)")
    with pytest.raises(NoFreeDeviceError):  # and nobody takes "the GPU that the framework sees"
        host(tmp_path, "b", device="gpu").compute_device()


def test_where_nvidia_smi_has_never_answered_only_a_worker_that_insists_waits(
    tmp_path: Path, fake: FakeDevices
) -> None:
    (fake.bin / "nvidia-smi").write_text("#!/bin/sh\nexit 9\n")
    insists = host(tmp_path, "a", device="gpu")
    with pytest.raises(NoFreeDeviceError, match="no device is visible"):
        insists.compute_device()
    assert "no device is visible" in str(insists.standing().waiting_reason)
    assert host(tmp_path, "b").compute_device() is None


def test_a_worker_whose_device_is_listed_no_more_still_computes_on_it(
    tmp_path: Path, fake: FakeDevices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.host.host.LIST_AGAIN_S", -1.0)
    fake.plug([0, 1])
    parent, child = host(tmp_path, "a"), host(tmp_path, "a")
    child.compute_device()
    assert parent.standing().device == "Fake (GPU-0)"
    fake.plug([])
    assert parent.standing() == Standing(device="Fake (GPU-0)")


def test_a_state_folder_without_locks_is_named_as_the_reason(
    tmp_path: Path, fake: FakeDevices, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    fake.plug([0, 1])
    monkeypatch.setattr(fcntl, "flock", no_locks)
    child = host(tmp_path, "a")
    for _ in range(2):
        with pytest.raises(NoFreeDeviceError, match="METSEG_HOME cannot be locked"):
            child.compute_device()
    assert "cannot be locked" in str(host(tmp_path, "a").standing().waiting_reason)
