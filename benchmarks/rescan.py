"""Processor time and memory of a watcher over files that it knows: ``make bench-rescan``.

Empty files are made in folders of two hundred and recorded through the watcher's own scan and
ledger, as files that were taken in. Then a watcher starts in a process of its own and scans twice:
the first scan reads what the database knows and begins to listen for file events, the second is
one of those that follow as long as the daemon lives. With PostgreSQL the watcher has Celery loaded,
as in server mode.
"""

import argparse
import contextlib
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from multiprocessing import get_context
from pathlib import Path

from pydantic import SecretStr
from rich.console import Console

from benchmarks.databases import SQLITE, databases_here, empty_database
from benchmarks.printing import peak_mib, table_of
from db.session import make_engine, session_factory
from db.tables.tables import FileStatus
from db.upgrade import migrate
from metseg.disk import MB
from metseg.settings import Settings
from watcher.scan.inbox import MARKER_FILE, ScanReport, walk
from watcher.scan.ledger import Ledger
from watcher.watch import Watcher

IN_A_FOLDER = 200
IN_A_WARD = 10_000
NEVER_RUNG = "redis://127.0.0.1:1/0"
MIB = 1024 * 1024
APART_S = 1000.0
"""Between two looks at the watcher's clock: every step scans."""


@dataclass(frozen=True, slots=True)
class Scans:
    """Processor seconds of the first scan and of the next, and the largest memory in MB."""

    first_s: float
    next_s: float
    peak_mb: float


def main() -> None:
    """Parse the arguments, make files known, scan them, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, nargs="+", default=[100_000], help="how many")
    columns = ("files", "database", "first scan, s", "rescan, s", "peak, MB")
    table = table_of("a watcher over known files", *columns, left=("database",))
    for files in parser.parse_args().files:
        for kind in databases_here():
            seen = measured(files, kind)
            seconds = (f"{seen.first_s:.2f}", f"{seen.next_s:.2f}")
            table.add_row(f"{files:,}", kind, *seconds, f"{seen.peak_mb:,.0f}")
    Console(width=120).print(table)


def measured(files: int, kind: str) -> Scans:
    """What a fresh watcher needs for so many known files on this kind of database."""
    with (
        tempfile.TemporaryDirectory(prefix="metseg-bench-") as folder,
        empty_database(kind, Path(folder)) as url,
        ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool,
    ):
        settings = Settings(
            home=Path(folder) / "home",
            inbox=Path(folder) / "inbox",
            database_url=SecretStr(url),
            broker_url=None if kind == SQLITE else SecretStr(NEVER_RUNG),
        )
        pool.submit(make_known, settings, files).result()
        return pool.submit(scan_twice, settings).result()


def make_known(settings: Settings, files: int) -> None:
    """Make so many files in the inbox, and record them as taken in."""
    settings.home_dir.mkdir()
    migrate(settings.database)
    for path in paths(files):
        file = settings.inbox / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    engine = make_engine(settings.database)
    ledger = Ledger(session_factory(engine))
    found = walk(settings.inbox, ScanReport(), marker=MARKER_FILE)
    fingerprints = {sighting.path: sighting.fingerprint for sighting in found}
    ledger.see(fingerprints, now=datetime.now(UTC), beat=lambda: None)
    ledger.mark(list(fingerprints), FileStatus.INGESTED)
    engine.dispose()


def paths(files: int) -> Iterator[str]:
    """Paths as a scanner's export may have them."""
    for number in range(files):
        ward, study = number // IN_A_WARD, number // IN_A_FOLDER
        yield f"ward{ward:03d}/study{study:06d}/series001/IM{number:07d}.dcm"


def scan_twice(settings: Settings) -> Scans:
    """Start a watcher on what `make_known` left, and let it scan twice.

    Raises
    ------
    RuntimeError
        The watcher found something to do, or did not scan.
    """
    ticks = count()
    with contextlib.closing(
        Watcher(settings, inbox=settings.inbox, clock=lambda: next(ticks) * APART_S)
    ) as watcher:
        first, following = (processor_seconds(watcher) for _ in range(2))
        if not watcher.idle:
            raise RuntimeError("the watcher must scan at every step, it did not")
    return Scans(first, following, peak_mib() * MIB / MB)


def processor_seconds(watcher: Watcher) -> float:
    """Processor time of one step of the watcher, in all threads."""
    began = time.process_time()
    watcher.step()
    spent = time.process_time() - began
    if waiting := watcher.view().files_waiting:
        raise RuntimeError(f"all files must be known, {waiting} are not")
    return spent


if __name__ == "__main__":
    main()
