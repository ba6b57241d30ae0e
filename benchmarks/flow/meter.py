"""What a stretch of work cost: processor time by process, statements, commits, syncs, bytes."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from sqlalchemy import Engine, text

COUNTERS = """
SELECT (SELECT coalesce(sum(calls), 0) FROM pg_stat_statements
        WHERE query NOT LIKE '%bench%') AS statements,
       (SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE query = 'COMMIT') AS commits,
       w.wal_bytes AS wal_bytes
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
    """Reads what processes and the server of `engine` have used. `tops` are the pids of the topmost
    processes by name; those below them count as ``NAME child``, but all of PostgreSQL as one, and
    of this very process only itself.
    """

    tops: Mapping[str, Sequence[int]]
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
        for top, pids in self.tops.items():
            for pid in pids:
                for name, (processor, written) in _used_by(pid, top).items():
                    had = used.get(name, (0.0, 0))
                    used[name] = (had[0] + processor, had[1] + written)
        return used

    def _counters(self) -> dict[str, int]:
        with self.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            row = connection.execute(text(COUNTERS)).mappings().one()
            return {name: int(value) for name, value in row.items()}


def _used_by(pid: int, top: str) -> dict[str, tuple[float, int]]:
    """Processor seconds and bytes written of a process, and of those below it, ended or not."""
    used: dict[str, tuple[float, int]] = {}
    for one in family(pid):
        name = top if one.pid == pid or top == "postgres" else f"{top} child"
        had = used.get(name, (0.0, 0))
        try:
            times, written = one.cpu_times(), one.io_counters().write_bytes
        except psutil.NoSuchProcess:
            continue
        used[name] = (had[0] + times.user + times.system, had[1] + written)
        if pid != os.getpid():
            below = top if top == "postgres" else f"{top} child"
            had = used.get(below, (0.0, 0))
            used[below] = (had[0] + times.children_user + times.children_system, had[1])
    return used


def family(pid: int) -> list[psutil.Process]:
    """A process and all below it; of this very process only itself."""
    top = psutil.Process(pid)
    return [top] if pid == os.getpid() else [top, *top.children(recursive=True)]


@contextmanager
def counted_syncs(tops: Mapping[str, Sequence[int]], counts: dict[str, int]) -> Iterator[Cost]:
    """Count fsync and fdatasync by name of the topmost process while the block runs, with strace,
    which slows them: nothing else is measured. `counts` stays empty where strace is missing.
    """
    strace = shutil.which("strace")
    with TemporaryDirectory(prefix="metseg-bench-") as folder:
        tracers = {
            name: _trace(strace, pids, Path(folder) / name) for name, pids in tops.items() if strace
        }
        time.sleep(1.0)
        try:
            yield Cost()
        finally:
            for name, tracer in tracers.items():
                tracer.send_signal(signal.SIGINT)
                tracer.wait(30)
                counts[name] = calls_in((Path(folder) / name).read_text())


def _trace(strace: str, pids: Sequence[int], summary: Path) -> subprocess.Popen[bytes]:
    every = [word for pid in pids for one in family(pid) for word in ("-p", str(one.pid))]
    return subprocess.Popen(
        [strace, "-f", "-c", "-e", "trace=fsync,fdatasync", "-o", str(summary), *every],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def calls_in(summary: str) -> int:
    """How many calls the summary of ``strace -c`` counts in all."""
    rows = re.findall(
        r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) .*(?:fsync|fdatasync)$", summary, re.MULTILINE
    )
    return sum(map(int, rows))
