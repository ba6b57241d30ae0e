"""What a stretch of work cost: processor time by process, statements, commits, syncs, bytes."""

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from sqlalchemy import Engine, text

COUNTERS = """
SELECT (SELECT coalesce(sum(calls), 0) FROM pg_stat_statements s
        JOIN pg_database d ON d.oid = s.dbid
        WHERE d.datname = current_database() AND query NOT LIKE '%bench%') AS statements,
       w.wal_bytes AS wal_bytes, w.wal_sync AS wal_syncs
FROM pg_stat_wal w /* bench */
"""


@dataclass(slots=True)
class Cost:
    """One stretch of work: wall seconds, and what was used by name of a process or counter."""

    seconds: float = 0.0
    processor_s: dict[str, float] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    """Bytes handed to the disk, by process."""
    counters: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Meter:
    """Reads what processes, given by the pid of the topmost, and the database have used."""

    tops: Mapping[str, Sequence[int]]
    """By name: ``worker`` is split in ``worker`` and ``worker child``, as is every other with
    children, but ``postgres``."""
    engine: Engine

    @contextmanager
    def measure(self) -> Iterator[Cost]:
        """What is used while the block runs."""
        cost = Cost()
        before, counted, started = self._used(), self._counters(), time.monotonic()
        yield cost
        cost.seconds = time.monotonic() - started
        cost.counters = {k: v - counted[k] for k, v in self._counters().items()}
        for name, (processor, written) in self._used().items():
            was = before.get(name, (0.0, 0))
            cost.processor_s[name] = processor - was[0]
            cost.written[name] = max(0, written - was[1])

    def _used(self) -> dict[str, tuple[float, int]]:
        used: dict[str, tuple[float, int]] = {}
        for name, pids in self.tops.items():
            for pid in pids:
                for part, amount in _used_by(psutil.Process(pid), name).items():
                    had = used.get(part, (0.0, 0))
                    used[part] = (had[0] + amount[0], had[1] + amount[1])
        return used

    def _counters(self) -> dict[str, int]:
        with self.engine.connect() as connection:
            row = connection.execute(text(COUNTERS)).mappings().one()
            return {name: int(value) for name, value in row.items()}


def _used_by(top: psutil.Process, name: str) -> dict[str, tuple[float, int]]:
    """Processor seconds and bytes written of a process, and of those below it, ended or not."""
    times = top.cpu_times()
    below = [0.0 + times.children_user + times.children_system, 0]
    for child in top.children(recursive=True):
        try:
            own = child.cpu_times()
            below[0] += own.user + own.system + own.children_user + own.children_system
            below[1] += child.io_counters().write_bytes
        except psutil.NoSuchProcess:
            continue
    own_bytes = top.io_counters().write_bytes
    if name == "postgres":
        return {name: (times.user + times.system + below[0], own_bytes + int(below[1]))}
    return {
        name: (times.user + times.system, own_bytes),
        f"{name} child": (below[0], int(below[1])),
    }


@contextmanager
def counted_syncs(tops: Mapping[str, Sequence[int]], folder: Path) -> Iterator[dict[str, int]]:
    """Count fsync and fdatasync by name of a process while the block runs, with strace, which slows
    them: measure no time meanwhile. Empty where strace is missing.
    """
    counts: dict[str, int] = {}
    strace = shutil.which("strace")
    tracers = {}
    if strace is not None:
        for name, pids in tops.items():
            every = [str(p.pid) for pid in pids for p in _family(pid)]
            command = [strace, "-f", "-c", "-e", "trace=fsync,fdatasync", "-o", str(folder / name)]
            tracers[name] = subprocess.Popen(
                [*command, *(word for pid in every for word in ("-p", pid))],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        time.sleep(1.0)
    try:
        yield counts
    finally:
        for name, tracer in tracers.items():
            tracer.send_signal(signal.SIGINT)
            tracer.wait(30)
            counts[name] = calls_in((folder / name).read_text())


def _family(pid: int) -> list[psutil.Process]:
    top = psutil.Process(pid)
    return [top, *top.children(recursive=True)]


def calls_in(summary: str) -> int:
    """How many calls the summary of ``strace -c`` counts in all."""
    rows = re.findall(
        r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) .*(?:fsync|fdatasync)$", summary, re.MULTILINE
    )
    return sum(map(int, rows))
