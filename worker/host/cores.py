"""How many threads a process computes with, so that all workers of a host use every core once."""

import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from metseg.locks import HeldLock, note_of_holder

_CGROUP = Path("/sys/fs/cgroup")
_DEAD_S = 60.0
"""A seat that nobody holds is removed when it is as old as this."""


@dataclass(frozen=True, slots=True)
class Cores:
    """What one process may use.

    Parameters
    ----------
    cpus
        Numbers of the processors that its affinity allows.
    quota
        Processors' worth of time that its control group may use; None: no limit.
    group
        Names the control group that the limit is of: processes of one group share it.
    """

    cpus: frozenset[int]
    quota: float | None = None
    group: str = ""

    @classmethod
    def of_this_process(cls) -> "Cores":
        """What the system allows the calling process."""
        return cls(_affinity(), *_limit(_own_group()))

    @classmethod
    def parse(cls, note: str) -> "Cores | None":
        """Reverse of `str`; None for anything else, such as a note that is being written."""
        try:
            said = json.loads(note)
            return cls(frozenset(said["cpus"]), said["quota"], said["group"])
        except (ValueError, KeyError, TypeError):
            return None

    def __str__(self) -> str:
        return json.dumps(asdict(self) | {"cpus": sorted(self.cpus)})


def fair_threads(sharers: Sequence[Cores], place: int) -> int:
    """Threads for the process at `place` among all that compute, at least 1. Pure.

    Each processor is divided among those that may use it, and a group's limit among the group. What
    a whole number of threads leaves over goes to later places.
    """
    own = sharers[place]
    allowed = sum(1 / sum(cpu in one.cpus for one in sharers) for cpu in own.cpus)
    if own.quota is not None:
        allowed = min(allowed, own.quota / sum(one.group == own.group for one in sharers))
    return max(1, _floor(allowed * (place + 1)) - _floor(allowed * place))


def _floor(value: float) -> int:
    return int(value + 1e-6)


class Seats:
    """Who computes on this host just now: a locked file for each in the host's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def taken(self, cores: Cores) -> Iterator[Callable[[], int]]:
        """Say that this process computes while the block runs. Gives a function that says how many
        threads are its share, as things stand when it is called.

        Where files cannot be locked nobody sees the others: the share is all that `cores` allow.

        Raises
        ------
        OSError
            The folder is not there, or cannot be written.
        """
        path = self._folder / f"seat-{secrets.token_hex(8)}.lock"
        lock = None
        try:
            lock = HeldLock.take(path, str(cores))
            yield lambda: fair_threads(*self._sharers(path, cores))
        finally:
            with suppress(OSError):  # a disk that turned read-only meanwhile: the work is done
                path.unlink()
            if lock is not None:
                lock.release()

    def _sharers(self, own: Path, cores: Cores) -> tuple[list[Cores], int]:
        """All that compute, in the order of their files, and the place of our own among them."""
        seats = {own: cores}
        for path in self._folder.glob("seat-*.lock"):
            note = note_of_holder(path)
            if note is None:
                _forget(path)
            elif path != own and (other := Cores.parse(note)) is not None:
                seats[path] = other
        order = sorted(seats)
        return [seats[path] for path in order], order.index(own)


def _forget(path: Path) -> None:
    """Remove the file of a process that died. One that was just made may not be locked yet."""
    with suppress(FileNotFoundError):
        if time.time() - path.stat().st_mtime > _DEAD_S:
            path.unlink()


def _affinity() -> frozenset[int]:
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def _own_group() -> Path:
    """The folder of this process' control group, version 2; in a container it is the top one."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return _CGROUP
    path = next((line[3:] for line in lines if line.startswith("0::")), "/")
    folder = _CGROUP / path.lstrip("/")
    return folder if folder.is_dir() else _CGROUP


def _limit(folder: Path) -> tuple[float | None, str]:
    """The narrowest limit of a control group and those above it, in processors, and its group."""
    narrowest: tuple[float | None, str] = (None, "")
    while folder.is_relative_to(_CGROUP):
        quota = _quota(folder)
        if quota is not None and (narrowest[0] is None or quota < narrowest[0]):
            at = folder.stat()
            narrowest = (quota, f"{at.st_dev}:{at.st_ino}")
        folder = folder.parent
    return narrowest


def _quota(folder: Path) -> float | None:
    """``cpu.max`` of version 2, or version 1's pair of files, in processors."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            words = " ".join((folder / name).read_text() for name in names).split()
            return int(words[0]) / int(words[1]) if int(words[0]) > 0 else None
        except (OSError, ValueError, IndexError):
            continue
    return None
