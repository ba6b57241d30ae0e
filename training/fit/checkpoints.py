"""All that a training run needs to continue after being killed, in one file, written atomically."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from metseg.errors import WeightsError


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come: `seconds` of training and validation over all its processes, `waited`
    of them for data.
    """

    step: int = 0
    seconds: float = 0.0
    best: float = -1.0
    waited: float = 0.0

    @property
    def waiting(self) -> float:
        """Share of the time that was spent waiting for data."""
        return self.waited / self.seconds if self.seconds > 0 else 0.0

    def after_step(self, *, seconds: float, waited: float) -> "Progress":
        """One step further, at `seconds` in all; the step waited `waited` seconds for its data."""
        return replace(self, step=self.step + 1, seconds=seconds, waited=self.waited + waited)


def save_checkpoint(
    path: Path, model: keras.Model, average: Sequence[NDArray[np.float32]], progress: Progress
) -> None:
    """Write weights, their average, the optimizer's variables and the progress, atomically."""
    arrays = {f"weight_{i}": value for i, value in enumerate(model.get_weights())}
    arrays |= {f"average_{i}": value for i, value in enumerate(average)}
    arrays |= {f"optimizer_{i}": np.asarray(v) for i, v in enumerate(model.optimizer.variables)}
    arrays["progress"] = np.frombuffer(json.dumps(asdict(progress)).encode(), dtype=np.uint8)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


def load_checkpoint(path: Path, model: keras.Model) -> tuple[list[NDArray[np.float32]], Progress]:
    """Put a checkpoint into a compiled model. Returns the moving average and the progress.

    Raises
    ------
    WeightsError
        The file is of another network or optimizer.
    """
    model.optimizer.build(model.trainable_variables)
    with np.load(path, allow_pickle=False) as arrays:
        weights = _numbered(arrays, "weight")
        average = _numbered(arrays, "average")
        optimizer = _numbered(arrays, "optimizer")
        progress = Progress(**json.loads(arrays["progress"].tobytes()))
    if [w.shape for w in weights] != [w.shape for w in model.get_weights()] or len(
        optimizer
    ) != len(model.optimizer.variables):
        raise WeightsError(f"checkpoint must be of network {model.name}, got {path.name}")
    model.set_weights(weights)
    for variable, value in zip(model.optimizer.variables, optimizer, strict=True):
        variable.assign(value)
    return average, progress


def read_progress(path: Path) -> Progress:
    """How far the run of a checkpoint has come; no step where there is no file."""
    if not path.exists():
        return Progress()
    with np.load(path, allow_pickle=False) as arrays:
        return Progress(**json.loads(arrays["progress"].tobytes()))


def _numbered(arrays: np.lib.npyio.NpzFile, kind: str) -> list[NDArray[np.float32]]:
    """Arrays ``{kind}_0``, ``{kind}_1``, ... in order."""
    count = sum(name.startswith(f"{kind}_") for name in arrays.files)
    return [arrays[f"{kind}_{i}"] for i in range(count)]
