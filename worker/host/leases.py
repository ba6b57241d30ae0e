"""Leases of devices: each is held by one process, or by as many as share it.

A lease is a lock file in the host's folder. The kernel takes it back when its process ends, however
it ends. A session lock of the database would end with the connection instead: while the network is
away, a second process could take a device that the first one still computes on.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from metseg.locks import HeldLock, note_of_holder
from worker.host.devices import Device
from worker.host.pause_note import PauseNote


@dataclass(frozen=True, slots=True)
class DeviceLease:
    """A device and the lock on it."""

    device: Device
    lock: HeldLock

    def release(self) -> None:
        """Let others take the device."""
        self.lock.release()


@dataclass(frozen=True, slots=True)
class DeviceUse:
    """A device, the workers that hold it, and why it is left out; None: it is not."""

    device: Device
    holders: tuple[str, ...]
    left_out: str | None


class DeviceLeases:
    """The leases of one host.

    `shares` processes may hold one device at a time. Times are CLOCK_MONOTONIC of the host.
    """

    def __init__(self, folder: Path, *, shares: int = 1) -> None:
        self._folder = folder
        self._shares = shares

    def take(self, devices: Sequence[Device], holder: str, *, now: float) -> DeviceLease | None:
        """A lease of the device that the fewest hold, noted as `holder`'s; None: none is free.

        Raises
        ------
        OSError
            The folder is not there, or cannot be written.
        """
        fit = [device for device in devices if self.failure_note(device).reason(now=now) is None]
        for others in range(self._shares):
            for device in fit:
                free = self._free_seats(device)
                if self._shares - len(free) > others or not free:
                    continue
                # Where somebody else has just sat down, the next device is as good as this one.
                lock = HeldLock.take(free[0], holder)
                if lock is not None:
                    return DeviceLease(device, lock)
        return None

    def uses(self, devices: Sequence[Device], *, now: float) -> list[DeviceUse]:
        """Who holds each of the devices at `now`."""
        return [
            DeviceUse(device, self._holders(device), self.failure_note(device).reason(now=now))
            for device in devices
        ]

    def is_free(self, use: DeviceUse) -> bool:
        """Whether one more process may take the device."""
        return use.left_out is None and len(use.holders) < self._shares

    def failure_note(self, device: Device) -> PauseNote:
        """Where it is noted that the device failed: nobody takes it until the pause is over."""
        return PauseNote(self._folder / f"{_stem(device)}.failed")

    def _holders(self, device: Device) -> tuple[str, ...]:
        notes = (
            note_of_holder(path) for path in sorted(self._folder.glob(_stem(device) + ".*.lock"))
        )
        return tuple(note for note in notes if note is not None)

    def _free_seats(self, device: Device) -> list[Path]:
        seats = (self._folder / f"{_stem(device)}.{seat}.lock" for seat in range(self._shares))
        return [seat for seat in seats if note_of_holder(seat) is None]


def _stem(device: Device) -> str:
    return "device-" + (re.sub(r"[^A-Za-z0-9-]", "_", device.uuid) or "unnamed")
