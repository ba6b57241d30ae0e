"""The faster engine on a processor: networks run by OpenVINO, with the same answers as by Keras.

A network is converted from Keras on TensorFlow once and kept; later starts load neither of them.
"""

import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from metseg.disk import sha256_of
from metseg.errors import ConfigurationError, DeviceError, OutOfMemoryError
from models.card import Member
from models.catalogue import import_quietly

# OpenVINO reports its use to its makers whenever it is imported, unless this cannot be found.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
import openvino  # noqa: E402

logger = logging.getLogger(__name__)

_MODEL: Final = "model.xml"
_FILES: Final = (_MODEL, "model.bin")
_HASHES: Final = "sha256.json"
_LATENCY: Final = {"PERFORMANCE_HINT": "LATENCY"}
# float32 as in Keras: on processors with AVX512-BF16 OpenVINO would round to bfloat16 by default.
_PRECISION: Final = "INFERENCE_PRECISION_HINT"
_THREADS: Final = "INFERENCE_NUM_THREADS"


class OpenVinoEngine:
    """One member's network, for any batch, height and width."""

    def __init__(self, model: Any, name: str, *, bf16: bool = False) -> None:
        self.name = name
        self._model = model
        self._settings = _LATENCY | {_PRECISION: "bf16" if bf16 else "f32"}
        self._threads: int | None = None
        self._compiled: dict[int | None, Any] = {}

    @classmethod
    def load(
        cls, member: Member, folder: Path, *, cache: Path | None, bf16: bool = False
    ) -> "OpenVinoEngine":
        """Read the converted network from `cache`, or convert it and keep it there.

        With `bf16` it computes in bfloat16, which has 8 significant bits.

        Raises
        ------
        WeightsError
            The weights file is not of this network.
        ConfigurationError
            bfloat16 is asked for, and this processor does not compute in it.
        """
        if bf16 and not computes_in_bf16():
            raise ConfigurationError(
                "engine openvino_bf16 must run on a processor with AVX512-BF16 or AMX, got another"
            )
        return cls(_kept_or_converted(member, folder, cache), member.name, bf16=bf16)

    def use_threads(self, threads: int) -> None:
        """Compute with so many threads from now on. The network is compiled, in half a second, for
        each number once.
        """
        self._threads = threads

    def _ready(self) -> Any:
        """The network compiled for the number of threads; None leaves it to OpenVINO."""
        if self._threads not in self._compiled:
            more = {} if self._threads is None else {_THREADS: str(self._threads)}
            self._compiled[self._threads] = openvino.Core().compile_model(
                self._model, "CPU", self._settings | more
            )
        return self._compiled[self._threads]

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `models.engines.keras_engine.Engine.__call__`."""
        try:
            compiled = self._ready()
            found = compiled(batch)
        except RuntimeError as error:
            words = f"{type(error).__name__} in OpenVINO"
            if "alloc" in str(error).lower():
                raise OutOfMemoryError(f"memory ran out in the network: {words}") from error
            raise DeviceError(f"the device failed: {words}") from error
        maps = [found[output] for output in compiled.outputs]
        return np.asarray(np.mean(maps, axis=0), dtype=np.float32)


def computes_in_bf16() -> bool:
    """Whether this processor has instructions for bfloat16; others imitate it, slowly."""
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _kept_or_converted(member: Member, folder: Path, cache: Path | None) -> Any:
    if cache is None:
        return _converted(member, folder)
    kept = cache / f"{member.name}-{_key(member)}"
    if not _is_whole(kept):
        _keep(_converted(member, folder), kept)
    if not _is_whole(kept):  # the cache cannot be written: that costs time only
        return _converted(member, folder)
    return openvino.Core().read_model(kept / _MODEL)


def _key(member: Member) -> str:
    """A key that changes with the network, its weights file and the version of OpenVINO."""
    fields = {key: value for key, value in asdict(member).items() if key != "temperature"}
    fields["openvino"] = openvino.__version__
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]


def _converted(member: Member, folder: Path) -> Any:
    model = import_quietly("models.engines.keras_engine").member_model(member, folder)
    with warnings.catch_warnings():
        # Keras 3.15 misses a name in the input that OpenVINO 2026 traces it with.
        warnings.filterwarnings("ignore", "The structure of `inputs`", UserWarning)
        return openvino.convert_model(model)


def _keep(model: Any, folder: Path) -> None:
    """Write a network and its hashes to a folder beside `folder`, then rename it.

    It is there complete or not at all, even where another process does the same.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        logger.warning("converted network is not kept: %s", type(error).__name__)
        return
    try:
        openvino.save_model(model, partial / _MODEL, compress_to_fp16=False)
        hashes = {name: sha256_of(partial / name) for name in _FILES}
        (partial / _HASHES).write_text(json.dumps(hashes))
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(partial, folder)  # noqa: PTH104 - of a folder: fails where another was quicker
    except (OSError, RuntimeError) as error:
        logger.warning("converted network is not kept: %s", type(error).__name__)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _is_whole(folder: Path) -> bool:
    """Whether a kept network is there, and unchanged since it was written."""
    try:
        hashes = json.loads((folder / _HASHES).read_text())
        return bool(hashes == {name: sha256_of(folder / name) for name in _FILES})
    except (OSError, ValueError):
        return False
