"""The networks of a process that runs jobs: loaded when a job needs them, on what is free on the
host.
"""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from imaging.lesions.rule import LesionRule
from imaging.volume import Volume
from metseg.errors import NoDeviceError
from metseg.settings import Settings
from models.catalogue import load_ensemble
from models.ensemble import Ensemble, Prediction
from worker.host.devices import Device
from worker.host.host import Host

logger = logging.getLogger(__name__)

SHARE_OF_MEMORY = 0.9
"""Share of a GPU's memory that the workers on it may use together; drivers need the rest."""


def load(settings: Settings, device: Device | None) -> Ensemble:
    """The networks of the settings, on the device; None: on the processor."""
    return load_ensemble(
        settings.ensemble,
        weights_dir=settings.weights,
        flip=settings.flip,
        device="cpu" if device is None else "gpu",
        engine=settings.engine,
        cache=settings.engines_dir,
        memory_mib=None if device is None else memory_share(device, settings.workers_per_device),
    )


def memory_share(device: Device, workers: int) -> int | None:
    """MiB of a device's memory for each of the workers that share it; None: no limit, it is ours
    alone or nobody says how much it has.
    """
    if workers == 1 or device.memory_mib is None:
        return None
    return int(SHARE_OF_MEMORY * device.memory_mib / workers)


@dataclass(slots=True)
class Networks:
    """Loads the ensemble at the first job and keeps it."""

    settings: Settings
    host: Host
    loader: Callable[[Settings, Device | None], Ensemble] = load
    _loaded: Ensemble | None = None
    _device: Device | None = None
    _used_at: float = 0.0

    @property
    def loaded(self) -> bool:
        """Whether `ready` answers at once."""
        return self._loaded is not None

    @property
    def device_lies_idle(self) -> bool:
        """Whether we keep a device from others, and have no networks that use it."""
        return self._loaded is None and self.host.holds_device

    def ready(self) -> Ensemble:
        """The ensemble. It computes on our device, or with our share of the cores.

        Raises
        ------
        NoFreeDeviceError
            See `Host.compute_device`.
        DeviceError, WeightsError, ConfigurationError
            See `models.catalogue.load_ensemble`.
        """
        if self._loaded is None:
            started = time.monotonic()
            self._loaded = OnHost(self._load(), self._device, self.host)
            seconds = time.monotonic() - started
            logger.info("networks %s loaded in %.1f s", self._loaded.version, seconds)
            self.used()
        return self._loaded

    def _load(self) -> Ensemble:
        self._device = self.host.compute_device()
        with self.host.at_work() as threads:
            _tell_framework(self._device, threads())
        try:
            return self.loader(self.settings, self._device)
        except NoDeviceError as error:
            if not self.host.use_processor():
                raise
            logger.warning("computing on the processor: %s", error)
            return self._load()

    def used(self) -> None:
        """They have just been in use."""
        self._used_at = time.monotonic()

    @property
    def resting(self) -> bool:
        """Whether they take memory, and nobody has used them for as long as the settings allow."""
        idle_s = time.monotonic() - self._used_at
        return self._loaded is not None and idle_s > self.settings.unload_s


def _tell_framework(device: Device | None, threads: int) -> None:
    """Variables that TensorFlow and CUDA read when they are first used in this process."""
    if device is None:
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    elif device.uuid:
        os.environ["CUDA_VISIBLE_DEVICES"] = device.uuid


@runtime_checkable
class Threaded(Protocol):
    """An ensemble whose threads can be counted out; those of other packages may lack this."""

    def use_threads(self, threads: int) -> None:
        """Compute with so many threads from now on."""


@dataclass(frozen=True, slots=True)
class OnHost:
    """An ensemble that computes with its share of the host, and says on what."""

    ensemble: Ensemble
    device: Device | None
    host: Host

    @property
    def version(self) -> str:
        """See `models.ensemble.Ensemble`."""
        return self.ensemble.version

    @property
    def rule(self) -> LesionRule:
        """See `models.ensemble.Ensemble`."""
        return self.ensemble.rule

    def predict(
        self, volume: Volume, *, progress: Callable[[float], None] | None = None
    ) -> Prediction:
        """See `models.ensemble.Ensemble`."""
        if self.device is not None:
            prediction = self.ensemble.predict(volume, progress=progress)
            return _computed_on(prediction, device=str(self.device))
        with self.host.at_work() as share:
            threads = share()
            if isinstance(self.ensemble, Threaded):
                self.ensemble.use_threads(threads)
            prediction = self.ensemble.predict(volume, progress=progress)
            return _computed_on(prediction, threads=threads)


def _computed_on(prediction: Prediction, **facts: Any) -> Prediction:
    """The prediction, with what only the host knows of its computing."""
    if prediction.compute is None:
        return prediction
    return replace(prediction, compute=replace(prediction.compute, **facts))
