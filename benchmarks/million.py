"""Milliseconds of what metseg asks most often in a database of many studies:
``make bench-database``.

The database is made by `tests.helpers.many_studies`: a few studies by the daemon's own functions,
the others as copies of their rows. Each number is the median of some rounds, from the first
statement to the end of the transaction; commits wait for the disk.
"""

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from rich.console import Console
from sqlalchemy import Engine

from benchmarks.databases import databases_here, empty_database
from benchmarks.printing import table_of
from benchmarks.questions import READS, WRITES, Walk
from db.session import make_engine, read_only, session_factory
from db.upgrade import migrate
from tests.helpers.many_studies import MADE, make_studies

FIRST_NUMBER = 10**24
"""Of the studies that come on top."""
REACH_MS = 20.0


def main() -> None:
    """Parse the arguments, make the databases, time the questions, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1_000_000, help=f"a multiple of {MADE}")
    parser.add_argument("--rounds", type=int, default=21)
    options = parser.parse_args()
    found = {kind: measured(kind, options.studies, options.rounds) for kind in databases_here()}
    title = f"{options.studies:,} studies, median of {options.rounds} rounds, ms"
    table = table_of(title, "", *found)
    for name in (*WRITES, *READS):
        table.add_row(name, *(_cell(times[name]) for times in found.values()))
    Console(width=120).print(table)


def measured(kind: str, studies: int, rounds: int) -> Mapping[str, float]:
    """Milliseconds by question in a new database of this kind."""
    with (
        tempfile.TemporaryDirectory(prefix="metseg-bench-") as folder,
        empty_database(kind, Path(folder)) as url,
    ):
        migrate(url)
        engine = make_engine(url)
        try:
            make_studies(engine, studies)
            return milliseconds(engine, studies // 2, rounds)
        finally:
            engine.dispose()


def milliseconds(engine: Engine, middle: int, rounds: int) -> Mapping[str, float]:
    """The median time of each question, in rounds of all."""
    walks = [Walk(FIRST_NUMBER + number, middle) for number in range(rounds)]
    timed = [one_round(engine, walk) for walk in walks]
    return {name: median(times[name] for times in timed) for name in timed[0]}


def one_round(engine: Engine, walk: Walk) -> dict[str, float]:
    """Milliseconds of each question, asked once."""
    times = {}
    sessions = session_factory(engine)
    for name, ask in (*WRITES.items(), *READS.items()):
        began = time.perf_counter()
        with sessions.begin() as session:
            ask(walk, read_only(session) if name in READS else session)
        times[name] = 1000 * (time.perf_counter() - began)
    return times


def _cell(spent_ms: float) -> str:
    return f"{spent_ms:.1f}" + (" missed" if spent_ms > REACH_MS else "")


if __name__ == "__main__":
    main()
