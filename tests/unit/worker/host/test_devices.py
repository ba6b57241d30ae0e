"""What nvidia-smi lists, and what variables leave of it."""

from pathlib import Path

import pytest

from tests.helpers.devices import FakeDevices
from worker.host.devices import UNNAMED, Device, devices_for, parse_devices, visible

LISTING = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa1111-0000)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bbbb2222-0000)
  MIG 3g.20gb     Device  0: (UUID: MIG-cccc3333-0000)
  MIG 1g.5gb      Device  1: (UUID: MIG-dddd4444-0000)
GPU 2: NVIDIA GeForce RTX 3090 (UUID: GPU-eeee5555-0000)
"""
MEMORY = "GPU-aaaa1111-0000, 40960\nGPU-bbbb2222-0000, 40960\nGPU-eeee5555-0000, [N/A]\n"
A, C, D, E = "GPU-aaaa1111-0000", "MIG-cccc3333-0000", "MIG-dddd4444-0000", "GPU-eeee5555-0000"


def test_a_card_in_slices_is_replaced_by_its_slices() -> None:
    assert parse_devices(LISTING, MEMORY) == [
        Device(A, "NVIDIA A100-SXM4-40GB", 0, None, 40960),
        Device(C, "NVIDIA A100-SXM4-40GB MIG 3g.20gb", 1, 0, 20480),
        Device(D, "NVIDIA A100-SXM4-40GB MIG 1g.5gb", 1, 1, 5120),
        Device(E, "NVIDIA GeForce RTX 3090", 2, None, None),
    ]


@pytest.mark.parametrize("text", ["", "No devices were found\n", "Failed to initialize NVML\n"])
def test_a_listing_without_devices_is_empty(text: str) -> None:
    assert parse_devices(text, text) == []


@pytest.mark.parametrize(
    ("variables", "left"),
    [
        ({}, [A, C, D, E]),
        ({"CUDA_VISIBLE_DEVICES": "2,0"}, [E, A]),
        ({"CUDA_VISIBLE_DEVICES": "1"}, [C, D]),
        ({"CUDA_VISIBLE_DEVICES": "1:1"}, [D]),
        ({"CUDA_VISIBLE_DEVICES": "GPU-eeee"}, [E]),
        ({"CUDA_VISIBLE_DEVICES": "GPU-bbbb2222-0000"}, [C, D]),
        ({"NVIDIA_VISIBLE_DEVICES": "GPU-bbbb2222-0000"}, [C, D]),
        ({"CUDA_VISIBLE_DEVICES": f" {D} , {A}"}, [D, A]),
        ({"CUDA_VISIBLE_DEVICES": "0,9,2"}, [A]),
        ({"CUDA_VISIBLE_DEVICES": "0,-1,2"}, [A]),
        ({"CUDA_VISIBLE_DEVICES": ""}, []),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, []),
        ({"NVIDIA_VISIBLE_DEVICES": "all"}, [A, C, D, E]),
        ({"NVIDIA_VISIBLE_DEVICES": "void"}, [A, C, D, E]),
        ({"NVIDIA_VISIBLE_DEVICES": "3"}, [A, C, D, E]),
        ({"NVIDIA_VISIBLE_DEVICES": f"{A},{D}"}, [A, D]),
        ({"NVIDIA_VISIBLE_DEVICES": f"{A},{D}", "CUDA_VISIBLE_DEVICES": D}, [D]),
    ],
)
def test_variables_of_cuda_and_of_the_container_toolkit_narrow(
    variables: dict[str, str], left: list[str]
) -> None:
    found = visible(parse_devices(LISTING, MEMORY), variables)
    assert [device.uuid for device in found] == left


def test_the_wish_decides_where_nothing_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeDevices(tmp_path / "fake")
    monkeypatch.setenv("PATH", f"{fake.bin}:/usr/bin:/bin")
    assert devices_for("auto", {}) == []
    assert devices_for("gpu", {}) == [UNNAMED]
    fake.plug([4, 7])
    assert [device.uuid for device in devices_for("auto", {}) or []] == ["GPU-4", "GPU-7"]
    assert devices_for("gpu", {"CUDA_VISIBLE_DEVICES": ""}) == []
    assert devices_for("cpu", {}) == []


@pytest.mark.parametrize("answer", ["exit 18", "echo 'Failed to initialize NVML'; exit 18"])
def test_where_nvidia_smi_fails_no_unnamed_gpu_stands_for_what_it_would_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    fake = FakeDevices(tmp_path / "fake")
    monkeypatch.setenv("PATH", f"{fake.bin}:/usr/bin:/bin")
    (fake.bin / "nvidia-smi").write_text(f"#!/bin/sh\n{answer}\n")
    assert [devices_for(wish, {}) for wish in ("auto", "gpu", "cpu")] == [None, None, []]


def test_one_lost_card_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeDevices(tmp_path / "fake")
    monkeypatch.setenv("PATH", f"{fake.bin}:/usr/bin:/bin")
    lost = "Unable to determine the device handle for gpu 0000:02:00.0: Unknown Error"
    lines = f"echo 'GPU 0: Fake (UUID: GPU-7)'\necho '{lost}'\nexit 15"
    (fake.bin / "nvidia-smi").write_text(f"#!/bin/sh\n{lines}\n")
    assert devices_for("gpu", {}) == [Device("GPU-7", "Fake")]


def test_without_nvidia_smi_no_device_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert devices_for("auto", {}) == []
