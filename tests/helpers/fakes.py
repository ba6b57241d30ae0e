"""A deterministic ensemble without networks, and faults on demand, for
`METSEG_ENSEMBLE=tests.helpers.fakes:ThresholdEnsemble`.

Faults are driven from outside through the folder named by the environment variable `FAKE_FAULTS`. A
file in it, named for the number of slices of a volume (``13``) or ``all``, holds what is to happen
to such volumes: ``kill`` (SIGKILL to ourselves), ``memory``, ``error``, ``device``, ``sleep 2.5``,
``wait`` (until the file is gone) or ``hang`` (for ever, whatever the soft limit). With ``once``
before it the file is removed first. Each prediction leaves a file ``seen-<slices>-<pid>-<count>``,
which holds the devices that CUDA would see.
"""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imaging.lesions.rule import LesionRule
from imaging.volume import Volume
from metseg.compute import Compute
from metseg.errors import DeviceError
from models.ensemble import Prediction

BRIGHT = 800.0
"""Both members call brighter voxels a lesion; `head_with_lesions` paints lesions brighter than
this.
"""

FULL = 1000.0
"""From this brightness on the strict member is sure as well."""


class ThresholdEnsemble:
    """Two members by brightness: `low` is sure above BRIGHT, `high` ramps from BRIGHT to FULL."""

    version = "fake-1"
    rule = LesionRule(
        seed_threshold=0.5, grow_threshold=0.5, minimum_volume_mm3=2.0, minimum_slices=1
    )

    def __init__(self, *, device: str = "cpu", **_options: object) -> None:
        self._compute = Compute(device, "fake", "float32", batch=1)
        _act_on_load()

    def predict(
        self, volume: Volume, *, progress: Callable[[float], None] | None = None
    ) -> Prediction:
        """Probabilities on the native grid, after whatever fault was asked for."""
        started = time.monotonic()
        if progress is not None:
            progress(0.0)
        _act(volume.shape[0])
        members = {"low": _ramp(volume, BRIGHT - 1.0, BRIGHT), "high": _ramp(volume, BRIGHT, FULL)}
        mean = ((members["low"] + members["high"]) / 2).astype(np.float32)
        if progress is not None:
            progress(1.0)
        return Prediction(
            members=members,
            mean=mean,
            seconds={"prepare": 0.0, "infer": time.monotonic() - started},
            compute=self._compute,
        )


def _ramp(volume: Volume, low: float, high: float) -> NDArray[np.float32]:
    ramp: NDArray[np.float32] = np.clip((volume.voxels - low) / (high - low), 0.0, 1.0)
    return ramp.astype(np.float32)


def _act_on_load() -> None:
    """A file ``load`` in the folder of faults stands for missing weights."""
    folder = os.environ.get("FAKE_FAULTS")
    if folder and (Path(folder) / "load").exists():
        from metseg.errors import WeightsError

        raise WeightsError("weights file must have its recorded SHA-256, got another")


def _act(slices: int) -> None:
    folder = os.environ.get("FAKE_FAULTS")
    if not folder:
        return
    _leave_trace(Path(folder), slices)
    for name in (str(slices), "all"):
        order = Path(folder) / name
        try:
            words = order.read_text().split()
        except FileNotFoundError:
            continue
        if words[0] == "once":
            words.pop(0)
            try:
                order.unlink()
            except FileNotFoundError:  # another process took it
                continue
        _obey(words, order)


def _leave_trace(folder: Path, slices: int) -> None:
    count = len(list(folder.glob(f"seen-{slices}-{os.getpid()}-*")))
    trace = folder / f"seen-{slices}-{os.getpid()}-{count}"
    trace.write_text(os.environ.get("CUDA_VISIBLE_DEVICES", "all"))


def _obey(words: list[str], order: Path) -> None:
    match words:
        case ["kill"]:
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)
        case ["memory"]:
            raise MemoryError
        case ["error"]:
            raise RuntimeError(f"a careless library quotes {_patient()}")
        case ["device"]:
            raise DeviceError("the device must answer, got nothing")
        case ["sleep", seconds]:
            time.sleep(float(seconds))
        case ["wait"]:
            while order.exists():
                time.sleep(0.02)
        case ["hang"]:
            _hang()
        case _:
            raise ValueError(f"unknown fault {words}")


def _patient() -> str:
    """The canary, not in one piece: a traceback shows the line that raises."""
    return "CANARY" + chr(94) + "PATIENT"


def _hang() -> None:
    """Wait for ever, whatever is raised in here."""
    while True:
        try:
            time.sleep(0.02)
        except Exception:
            continue
