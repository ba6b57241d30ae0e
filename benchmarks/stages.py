"""Seconds per study by stage, on the demo study: ``make bench``.

Each round is a fresh home: a watcher takes the demo study in, and the daemon's own runner works
on it in this process, with the networks loaded before. Prints minimum, median and maximum of the
rounds, the largest memory of the process with both networks loaded, and the share of the machine's
arithmetic that the networks use.
"""

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.peak import main_line
from benchmarks.printing import peak_mib, table_of
from db.upgrade import migrate
from demo.study import write_study
from metseg.settings import Settings
from models.averaging import NetworkEnsemble
from models.ensemble import Ensemble
from watcher.watch import Watcher
from worker.job.networks import load
from worker.job.runner import Runner

STAGES = ("read", "prepare", "infer", "lesions", "write", "record")


def main() -> None:
    """Parse the arguments, run the rounds, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    ensemble = load(Settings(), None)
    seen: list[Mapping[str, float]] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="metseg-bench-") as folder:
            seen.append(one_round(Path(folder), ensemble))
    print_table(seen)
    if isinstance(ensemble, NetworkEnsemble):
        print(main_line(ensemble.networks))


def one_round(place: Path, ensemble: Ensemble) -> Mapping[str, float]:
    """Take in and segment the demo study in `place`. Seconds by stage."""
    inbox = place / "inbox"
    write_study(inbox)
    settings = Settings(home=place / "home", inbox=inbox, quiet_s=0.2, scan_interval_s=0.2)
    settings.home_dir.mkdir()
    migrate(settings.database)
    take_in(settings, inbox)
    runner = Runner.build(settings, worker="benchmark", folder=place)
    runner.networks.loader = lambda *_: ensemble
    report = runner.run_next()
    if report is None or not report.seconds:
        raise RuntimeError(f"the demo study must be recorded, got {report}")
    return report.seconds


def take_in(settings: Settings, inbox: Path) -> None:
    """Let a watcher take in the study of `inbox`."""
    watcher = Watcher(settings, inbox=inbox)
    try:
        while not watcher.idle:
            watcher.step()
            time.sleep(0.05)
    finally:
        watcher.close()


def print_table(seen: list[Mapping[str, float]]) -> None:
    """Seconds by stage over the rounds, and each stage's share of the median total."""
    totals = [sum(seconds[stage] for stage in STAGES) for seconds in seen]
    title = f"demo study, {len(seen)} rounds, seconds"
    table = table_of(title, "stage", "minimum", "median", "maximum", "share")
    for stage in STAGES:
        values = [seconds[stage] for seconds in seen]
        add_row(table, stage, values, median(totals))
    add_row(table, "all", totals, median(totals))
    console = Console()
    console.print(table)
    console.print(f"largest memory of the process: {peak_mib():,.0f} MiB")


def add_row(table: Table, name: str, values: list[float], total: float) -> None:
    """One line of the table."""
    middle = median(values)
    table.add_row(
        name,
        f"{min(values):.2f}",
        f"{middle:.2f}",
        f"{max(values):.2f}",
        f"{middle / total:.0%}",
    )


if __name__ == "__main__":
    main()
