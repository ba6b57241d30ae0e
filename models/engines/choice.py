"""Which engine runs the networks of an ensemble."""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from metseg.errors import ConfigurationError
from models.card import Member
from models.catalogue import import_quietly

EngineName = Literal["auto", "keras", "openvino"]


def load_engines(
    members: Sequence[Member],
    folder: Path,
    *,
    engine: EngineName = "auto",
    device: str = "auto",
    cache: Path | None = None,
) -> list[Any]:
    """The members' networks, ready to run; see `models.averaging.Network`.

    Parameters
    ----------
    engine
        ``keras`` on its backend, the reference; ``openvino`` on a processor; ``auto``: OpenVINO
        where it is installed and no GPU is to be used.
    cache
        Folder that keeps what OpenVINO converts; None: it converts at every start.

    Raises
    ------
    ConfigurationError
        OpenVINO is asked for and is not installed, or it is asked for on a GPU.
    WeightsError, DeviceError
        See the engines.
    """
    if chosen_engine(engine, device, installed=_has_openvino(), gpu=_has_nvidia()) == "openvino":
        openvino = import_quietly("models.engines.openvino_engine").OpenVinoEngine
        return [openvino.load(member, folder, cache=cache) for member in members]
    keras = import_quietly("models.engines.keras_engine")
    chosen = keras.choose_device(device)
    return [keras.Engine.load(member, folder, device=chosen) for member in members]


def chosen_engine(
    engine: EngineName, device: str, *, installed: bool, gpu: bool
) -> Literal["keras", "openvino"]:
    """The engine for a wish and a machine: whether OpenVINO is `installed` and a `gpu` is seen.

    Raises
    ------
    ConfigurationError
        As `load_engines`.
    """
    if engine == "openvino":
        if not installed:
            raise ConfigurationError("engine openvino must be installed: `pip install openvino`")
        if device == "gpu":
            raise ConfigurationError("engine openvino must run on a processor, got device gpu")
        return "openvino"
    on_processor = device == "cpu" or (device == "auto" and not gpu)
    return "openvino" if engine == "auto" and installed and on_processor else "keras"


def engine_in_use(engine: EngineName, device: str) -> str:
    """The engine that will run the networks on this machine. Raises as `chosen_engine`."""
    return chosen_engine(engine, device, installed=_has_openvino(), gpu=_has_nvidia())


def _has_openvino() -> bool:
    """Whether OpenVINO is installed, and Keras runs on the backend that it converts from."""
    on_tensorflow = os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow"
    return on_tensorflow and find_spec("openvino") is not None


def _has_nvidia() -> bool:
    """Whether the system has an NVIDIA device file; WSL has one for all GPUs."""
    return Path("/dev/dxg").exists() or any(Path("/dev").glob("nvidia[0-9]*"))
