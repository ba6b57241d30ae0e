"""Networks load on what is free on the host, and say on what they computed."""

import os
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from imaging.lesions.rule import LesionRule
from imaging.volume import Volume
from metseg.compute import Compute
from metseg.errors import NoDeviceError
from metseg.settings import Settings
from models.ensemble import Ensemble, Prediction
from tests.helpers.devices import FakeDevices
from worker.host.devices import Device
from worker.host.host import Host
from worker.job.networks import Networks, memory_share

HEAD = Volume(np.zeros((2, 4, 4), dtype=np.float32), np.eye(4))


class Threaded:
    """An ensemble that notes with how many threads it is asked to compute."""

    version = "t"
    rule = LesionRule()

    def __init__(self) -> None:
        self.threads: list[int] = []

    def use_threads(self, threads: int) -> None:
        self.threads.append(threads)

    def predict(self, volume: Volume, **_: object) -> Prediction:
        empty = np.zeros(volume.shape, dtype=np.float32)
        return Prediction({}, empty, compute=Compute("cpu", "openvino", "float32", 8))


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is told to the framework is forgotten after the test."""
    for name in ("CUDA_VISIBLE_DEVICES", "TF_NUM_INTRAOP_THREADS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def networks(folder: Path, ensemble: Ensemble, **settings: object) -> Networks:
    given = Settings(home=folder / "home", **settings)
    return Networks(given, Host(given, "me"), loader=lambda *_: ensemble)


def test_the_share_of_the_cores_is_asked_for_at_every_prediction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares, ensemble = iter([4, 2, 1]), Threaded()
    monkeypatch.setattr(Host, "at_work", lambda _: nullcontext(lambda: next(shares)))
    ready = networks(tmp_path, ensemble, device="cpu").ready()
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "4"
    found = [ready.predict(HEAD).compute for _ in range(2)]
    assert ensemble.threads == [2, 1]
    assert found == [Compute("cpu", "openvino", "float32", 8, threads) for threads in (2, 1)]


def test_on_a_device_the_framework_sees_that_one_and_the_result_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, ensemble = FakeDevices(tmp_path / "fake"), Threaded()
    fake.plug([3])
    monkeypatch.setenv("PATH", f"{fake.bin}:/usr/bin:/bin")
    ready = networks(tmp_path, ensemble).ready()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-3"
    assert ready.predict(HEAD).compute == Compute("Fake (GPU-3)", "openvino", "float32", 8)
    assert ensemble.threads == []


def test_on_the_processor_no_device_is_seen(tmp_path: Path) -> None:
    networks(tmp_path, Threaded(), device="cpu").ready()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "-1"


def test_networks_rest_when_loaded_and_not_used_for_as_long_as_is_set(tmp_path: Path) -> None:
    soon = networks(tmp_path, Threaded(), device="cpu", unload_s=1e-9)
    assert not soon.resting
    soon.ready()
    assert soon.resting
    late = networks(tmp_path, Threaded(), device="cpu")
    late.ready()
    assert not late.resting


@pytest.mark.parametrize(
    ("memory", "workers", "share"), [(10_000, 1, None), (10_000, 2, 4500), (None, 2, None)]
)
def test_memory_is_limited_only_where_it_is_shared(
    memory: int | None, workers: int, share: int | None
) -> None:
    assert memory_share(Device("GPU-1", "one", memory_mib=memory), workers) == share


def test_auto_computes_on_the_processor_where_the_framework_sees_no_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, asked = FakeDevices(tmp_path / "fake"), []
    fake.plug([3])
    monkeypatch.setenv("PATH", f"{fake.bin}:/usr/bin:/bin")

    def loader(_settings: Settings, device: Device | None) -> Ensemble:
        asked.append(device and device.uuid)
        if device is not None:
            raise NoDeviceError("device must be there, got gpu and no GPU is seen")
        return Threaded()

    auto = networks(tmp_path / "auto", Threaded(), device="auto")
    auto.loader = loader
    monkeypatch.setattr(Host, "at_work", lambda _: nullcontext(lambda: 1))
    compute = auto.ready().predict(HEAD).compute
    assert compute == Compute("cpu", "openvino", "float32", 8, 1)
    assert asked == ["GPU-3", None]
    assert auto.host.standing().device == "cpu"
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    insisting = networks(tmp_path / "gpu", Threaded(), device="gpu")
    insisting.loader = loader
    with pytest.raises(NoDeviceError):
        insisting.ready()
