"""What a worker's process uses of its host: a device by lease, or its share of the cores."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from metseg.errors import NoFreeDeviceError
from metseg.settings import Settings
from worker.host.cores import Cores, Seats
from worker.host.devices import Device, devices_for
from worker.host.leases import DeviceLease, DeviceLeases, DeviceUse
from worker.host.place import host_folder

LIST_AGAIN_S = 60.0
"""A list of devices is used for this long: nvidia-smi is slow, and devices seldom come or go."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a worker stands with the devices of its host, in words for people.

    Parameters
    ----------
    device
        What it computes on: ``cpu``, or its device; None: no device yet.
    waiting_reason
        Why it could take no device just now; None: it has one, it could, or it needs none.
    left_out
        Devices that failed and are not used for a while; None: there are none.
    """

    device: str | None = None
    waiting_reason: str | None = None
    left_out: str | None = None


@dataclass(slots=True)
class Host:
    """The devices and cores of this host, as one worker with these settings may use them.

    Its child leases a device through its own `Host`; both go by the worker's name.
    """

    settings: Settings
    worker: str
    _lease: DeviceLease | None = None
    _listed: list[Device] = field(default_factory=list)
    _listed_at: float | None = None
    _seen: dict[Device, None] = field(default_factory=dict)
    _unfit: bool = False

    @property
    def holds_device(self) -> bool:
        """Whether a device is ours, until this process ends."""
        return self._lease is not None

    def compute_device(self) -> Device | None:
        """The device to compute on, from now to the end of this process; None: the processor.

        Raises
        ------
        NoFreeDeviceError
            Others hold all devices, or those that are free have failed.
        """
        if self._lease is not None:
            return self._lease.device
        devices = self._devices()
        if self._on_processor(devices):
            return None
        self._lease = self._leases().take(devices, self.worker, now=time.monotonic())
        if self._lease is None:
            raise NoFreeDeviceError(no_free_device(self.device_uses()))
        return self._lease.device

    def use_processor(self) -> bool:
        """Compute on the processor from now on: the framework sees no device. False, and nothing
        changes, where the settings insist on one.
        """
        if self.settings.device != "auto" or self._lease is None:
            return False
        self._lease.release()
        self._lease, self._unfit = None, True
        return True

    def device_failed(self, reason: str) -> bool:
        """Have nobody take our device for a while, longer after each failure. False where we have
        none.
        """
        if self._lease is None:
            return False
        note = self._leases().failure_note(self._lease.device)
        note.hit(reason, now=time.monotonic(), backoff_s=self.settings.backoff_s)
        return True

    def device_worked(self) -> None:
        """Forget what failed on our device before: a job went well."""
        if self._lease is not None:
            self._leases().failure_note(self._lease.device).clear()

    def device_uses(self) -> list[DeviceUse]:
        """Every device that these settings choose from: who holds it, and whether it is left
        out.
        """
        return self._leases().uses(self._devices(), now=time.monotonic())

    def standing(self) -> Standing:
        """How this worker stands just now."""
        on_processor = self._on_processor(self._devices())
        if on_processor and not self._seen:
            return Standing(device="cpu")
        try:
            leases, uses = self._leases(), self.device_uses()
            known = leases.uses(list(self._seen), now=time.monotonic())
        except OSError:  # the state folder is away, which is told as such
            return Standing()
        held = [use for use in known if self.worker in use.holders]
        if on_processor and not held:
            return Standing(device="cpu")
        could = bool(held) or any(leases.is_free(use) for use in uses)
        failed = "; ".join(f"{use.device}: {use.left_out}" for use in uses if use.left_out)
        return Standing(
            device=str(held[0].device) if held else None,
            waiting_reason=None if could else no_free_device(uses),
            left_out=failed or None,
        )

    def at_work(self) -> AbstractContextManager[Callable[[], int]]:
        """Take part in the division of this host's cores: see `Seats.taken`."""
        return Seats(self._folder()).taken(Cores.of_this_process())

    def _on_processor(self, devices: list[Device]) -> bool:
        wish, engine = self.settings.device, self.settings.engine
        could = devices and not self._unfit and engine in ("auto", "keras")
        return wish == "cpu" or (wish == "auto" and not could)

    def _leases(self) -> DeviceLeases:
        return DeviceLeases(self._folder(), shares=self.settings.workers_per_device)

    def _folder(self) -> Path:
        return host_folder(self.settings.home_dir)

    def _devices(self) -> list[Device]:
        now = time.monotonic()
        if self._listed_at is None or now - self._listed_at > LIST_AGAIN_S:
            found, self._listed_at = devices_for(self.settings.device), now
            if found is not None:  # else the last list stands
                self._listed = found
                self._seen |= dict.fromkeys(found)
        return self._listed


def no_free_device(uses: list[DeviceUse]) -> str:
    """Why no device is free, in words for people. Pure."""
    if not uses:
        return "no device is visible to this worker"
    if all(set(use.holders) == {""} for use in uses):  # who holds one writes a name
        return "no device can be leased: files in METSEG_HOME cannot be locked"
    busy = sum(bool(use.holders) for use in uses)
    failed = sum(use.left_out is not None for use in uses)
    return f"no free device: {busy} of {len(uses)} in use, {failed} left out"
