"""The reference engine: networks run by Keras on a device, as a compiled function."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from numpy.typing import NDArray

from metseg.errors import NoDeviceError, WeightsError
from models.card import Member
from models.engines.failures import translated
from models.networks.build import build
from models.networks.unet_plus_plus import pruned

HALF_FROM: Final = (7, 0)
"""Compute capability from which NVIDIA devices multiply float16 in tensor cores (Volta)."""


def device_names() -> list[str]:
    """Compute devices as Keras names them, ``cpu:0`` first."""
    if keras.backend.backend() == "torch":  # Keras 3.15 has no distribution library for it
        torch = importlib.import_module("torch")
        return ["cpu:0", *(f"gpu:{index}" for index in range(torch.cuda.device_count()))]
    return [*_listed("cpu"), *_listed("gpu")]


def _listed(kind: str) -> list[str]:
    try:
        return sorted(str(name).lower() for name in keras.distribution.list_devices(kind))
    except RuntimeError:  # JAX raises it for a kind that the machine lacks
        return []


def choose_device(wanted: str, *, memory_mib: int | None = None) -> str:
    """``cpu:0`` or ``gpu:0`` for ``auto``, ``cpu`` or ``gpu``.

    TensorFlow takes a GPU's memory as it needs it and, before the GPU is first used, can be told to
    take at most `memory_mib`.

    Raises
    ------
    ValueError
        `wanted` is not one of the three.
    NoDeviceError
        A GPU is wanted and no GPU is seen.
    """
    if wanted not in ("auto", "cpu", "gpu"):
        raise ValueError(f"device must be auto, cpu or gpu, got {wanted!r}")
    if wanted == "cpu":
        return "cpu:0"
    has_gpu = any("gpu" in name for name in device_names())
    if wanted == "gpu" and not has_gpu:
        raise NoDeviceError("device must be there, got gpu and no GPU is seen")
    if not has_gpu:
        return "cpu:0"
    if keras.backend.backend() == "tensorflow":
        with translated():
            _limit_memory(memory_mib)
    return "gpu:0"


def _limit_memory(memory_mib: int | None) -> None:
    config = _tensorflow().config
    gpu = config.list_physical_devices("GPU")[0]
    if memory_mib is None:
        config.experimental.set_memory_growth(gpu, True)
        return
    limit = config.LogicalDeviceConfiguration(memory_limit=memory_mib)
    config.set_logical_device_configuration(gpu, [limit])


def fast_precision(device: str) -> str:
    """The Keras policy to predict with: ``mixed_float16`` where the device has tensor cores, else
    ``float32``. Probabilities are float32 under either.
    """
    capability = _gpu_details(device).get("compute_capability") or (0, 0)
    return "mixed_float16" if tuple(capability) >= HALF_FROM else "float32"


def device_model(device: str) -> str:
    """The maker's name of a device, or the device's own where nobody says."""
    return str(_gpu_details(device).get("device_name") or device)


def _gpu_details(device: str) -> dict[str, Any]:
    """What TensorFlow knows of a GPU; nothing of a processor, and nothing with another backend."""
    if device == "cpu:0" or keras.backend.backend() != "tensorflow":
        return {}
    config = _tensorflow().config
    return dict(config.experimental.get_device_details(config.list_physical_devices("GPU")[0]))


def _tensorflow() -> Any:
    return importlib.import_module("tensorflow")


def member_model(member: Member, folder: Path) -> keras.Model:
    """A member's network with its weights, pruned to the wanted depths.

    Raises
    ------
    WeightsError
        The file is not of this network.
    """
    model = build(
        member.network,
        filters=member.filters,
        depths=member.stored_depths or member.depths,
        outputs=member.outputs,
        batch_norm=member.batch_norm,
    )
    try:
        model.load_weights(folder / member.file)
    except (ValueError, KeyError, OSError) as error:
        raise WeightsError(
            f"weights file {member.file} must fit {member.network}: {error}"
        ) from error
    return pruned(model, member.depths) if member.stored_depths and member.depths else model


class Engine:
    """One member's network on a device. Calls with the same shape share one compiled function."""

    def __init__(self, model: keras.Model, member: Member, *, device: str) -> None:
        self.name = member.name
        self._model = model
        self._device = device
        # XLA is 1.6 to 4 times slower than oneDNN on a processor and compiles for minutes.
        model.compile(jit_compile=False)

    @classmethod
    def load(
        cls, member: Member, folder: Path, *, device: str, precision: str = "float32"
    ) -> "Engine":
        """Build the member's network, read its weights and prune it to the wanted depths.

        `precision` is the Keras policy of its arithmetic.

        Raises
        ------
        WeightsError
            The file is not of this network.
        """
        with translated(), keras.device(device), _policy(precision):
            model = member_model(member, folder)
        return cls(model, member, device=device)

    def use_threads(self, threads: int) -> None:
        """Nothing: TensorFlow makes its threads once, when the process first computes."""

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities ``(n, H, W, outputs)`` of ``(n, H, W, channels)``, mean over the
        depths, uncalibrated.

        The first is of lesions, a second of brain. H and W must be multiples of 16 for five levels.

        Raises
        ------
        OutOfMemoryError, DeviceError
            What the backend raised, translated.
        """
        with translated(), keras.device(self._device):
            # Not Model.predict: it leaks in long loops.
            outputs = self._model.predict_on_batch(batch)
        maps = outputs if isinstance(outputs, list) else [outputs]
        mean = np.mean([np.asarray(one, dtype=np.float32) for one in maps], axis=0)
        return np.asarray(mean, dtype=np.float32)


@contextmanager
def _policy(precision: str) -> Iterator[None]:
    """Layers made in the block compute by this policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
