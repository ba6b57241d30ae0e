"""Which engine runs the networks of an ensemble."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from metseg.compute import Compute
from metseg.errors import ConfigurationError
from models.card import Member
from models.catalogue import import_quietly
from models.engines.batch import Halving, batch_seconds, fastest_batch, remembered_batch
from models.inputs import BATCH

Engine = Literal["keras", "openvino", "openvino_bf16"]
EngineName = Literal["auto"] | Engine


BATCHES = "batches.json"
"""File in the cache folder that keeps the batch size found for each device and ensemble."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Networks that are ready to run, see `models.averaging.Network`, and what they run on."""

    networks: list[Any]
    compute: Compute


def load_engines(
    members: Sequence[Member],
    folder: Path,
    *,
    engine: EngineName = "auto",
    device: str = "auto",
    cache: Path | None = None,
    memory_mib: int | None = None,
) -> Loaded:
    """The members' networks, ready to run.

    Parameters
    ----------
    engine
        ``keras`` on its backend, the reference; ``openvino`` on a processor; ``openvino_bf16``: the
        same in bfloat16, which rounds; ``auto``: OpenVINO in float32 where it is installed and no
        GPU is to be used.
    cache
        Folder that keeps what OpenVINO converts and the batch sizes found; None: both are made
        anew at every start.
    memory_mib
        Memory of the GPU that may be used; None: as much as is needed.

    Raises
    ------
    ConfigurationError
        OpenVINO is asked for and is not installed, or it is asked for on a GPU, or in bfloat16 on a
        processor that does not compute in it.
    WeightsError, DeviceError
        See the engines.
    """
    found = engine_in_use(engine, device)
    if found != "keras":
        openvino = import_quietly("models.engines.openvino_engine").OpenVinoEngine
        bf16 = found == "openvino_bf16"
        networks = [openvino.load(one, folder, cache=cache, bf16=bf16) for one in members]
        compute = Compute("cpu", "openvino", "bfloat16" if bf16 else "float32", BATCH)
        return Loaded([Halving(network) for network in networks], compute)
    keras = import_quietly("models.engines.keras_engine")
    chosen = keras.choose_device(device, memory_mib=memory_mib)
    precision = keras.fast_precision(chosen)
    networks = [
        Halving(keras.Engine.load(member, folder, device=chosen, precision=precision))
        for member in members
    ]
    batch = BATCH
    if chosen != "cpu:0":
        key = "/".join([keras.device_model(chosen), precision, str(memory_mib), *_hashes(members)])
        batch = remembered_batch(
            cache and cache / BATCHES, key, lambda: fastest_batch(batch_seconds(networks))
        )
    return Loaded(networks, Compute(chosen.removesuffix(":0"), "keras", precision, batch))


def _hashes(members: Sequence[Member]) -> list[str]:
    return [member.sha256[:16] for member in members]


def chosen_engine(engine: EngineName, device: str, *, installed: bool, gpu: bool) -> Engine:
    """The engine for a wish and a machine: whether OpenVINO is `installed` and a `gpu` is seen.

    Raises
    ------
    ConfigurationError
        As `load_engines`.
    """
    if engine in ("openvino", "openvino_bf16"):
        if not installed:
            raise ConfigurationError(f"engine {engine} must be installed: `pip install openvino`")
        if device == "gpu":
            raise ConfigurationError(f"engine {engine} must run on a processor, got device gpu")
        return engine
    on_processor = device == "cpu" or (device == "auto" and not gpu)
    return "openvino" if engine == "auto" and installed and on_processor else "keras"


def engine_in_use(engine: EngineName, device: str) -> Engine:
    """The engine that will run the networks on this machine. Raises as `chosen_engine`."""
    return chosen_engine(engine, device, installed=_has_openvino(), gpu=_has_nvidia())


def _has_openvino() -> bool:
    """Whether OpenVINO is installed, and Keras runs on the backend that it converts from."""
    on_tensorflow = os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow"
    return on_tensorflow and find_spec("openvino") is not None


def _has_nvidia() -> bool:
    """Whether the system has an NVIDIA device file; WSL has one for all GPUs."""
    return Path("/dev/dxg").exists() or any(Path("/dev").glob("nvidia[0-9]*"))
