"""Studies a second from folder to row, where the time goes, and how far it is from the least:
``make bench-flow``.

Private PostgreSQL (durable) and Redis, the real watcher, real Celery workers, and networks that
answer at once. Processor time is that of all processes together; it says what a machine without
other work could do, while studies a second are those of this run.
"""

import argparse
import os
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.flow.phases import Phase, Walk, celery_alone, statements
from benchmarks.flow.site import Servers, flow_site, private_servers
from benchmarks.printing import table_of
from metseg.outputs import DEFAULT_OUTPUTS

FEWEST, DEFAULT = "nifti", ",".join(DEFAULT_OUTPUTS)  # beside the report, always written
KINDS: Mapping[str, tuple[int, str, float]] = {
    "two slices, fewest outputs": (2, FEWEST, 1.0),
    "two slices, default outputs": (2, DEFAULT, 1.0),
    "four slices, fewest outputs": (4, FEWEST, 0.3),
    "four slices, default outputs": (4, DEFAULT, 0.2),
}
"""Slices of a study, outputs, and part of ``--studies``. Studies of two slices end without a
suitable series; those of four are segmented.
"""
TRACED = 60
"""Studies in the run whose syncs are counted."""


def main() -> None:
    """Parse the arguments, walk each kind of study, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--kind", choices=KINDS, help="only this one")
    options = parser.parse_args()
    console = Console(width=140)
    with private_servers() as servers:
        for kind in [options.kind] if options.kind else KINDS:
            one_kind(console, servers, kind, studies=options.studies, workers=options.workers)
        with flow_site(servers, outputs=FEWEST) as site:
            pieces = [celery_alone(site, servers, messages=options.messages)]
            pieces += statements(site, servers, count=options.messages)
        console.print(phase_table("pieces alone", pieces))


def one_kind(console: Console, servers: Servers, kind: str, *, studies: int, workers: int) -> None:
    """Walk studies of one kind, and print what it cost."""
    slices, outputs, part = KINDS[kind]
    with flow_site(servers, outputs=outputs) as site:
        walk = Walk(site, servers, studies=int(part * studies), slices=slices)
        phases = [walk.intake(), walk.work(workers), walk.whole()]
        syncs, stages = walk.syncs(TRACED), site.stages()
        site.stop()
        floor, least = walk.floor(TRACED)
    console.print(phase_table(f"{kind}, {workers} workers", [*phases, floor]))
    console.print(counts_table([(phases[-1], syncs), (floor, least)]))
    console.print(ratio_line(phases[-1], floor))
    said = ", ".join(f"{name} {1e3 * seconds:.1f}" for name, seconds in stages.items())
    console.print(f"a job by stage, mean milliseconds by the clock: {said}\n")


def phase_table(title: str, phases: Sequence[Phase]) -> Table:
    """Studies a second, and milliseconds of processor time a study by process."""
    used = {name: s for one in phases for name, s in one.cost.processor_s.items() if s > 0}
    names = sorted(used)
    table = table_of(title, "", "a second", "processor ms", *names)
    for phase in phases:
        cells = [phase.cost.processor_s.get(name) for name in names]
        table.add_row(
            phase.name,
            f"{phase.studies / phase.cost.seconds:.1f}",
            f"{milliseconds(phase):.2f}",
            *("" if cell is None else f"{1e3 * cell / phase.studies:.2f}" for cell in cells),
        )
    return table


def counts_table(measured: Sequence[tuple[Phase, Mapping[str, int]]]) -> Table:
    """Statements, commits, syncs and bytes a study, of phases and the syncs counted for each."""
    table = table_of("a study", "", "statements", "commits", "syncs", "WAL bytes", "file bytes")
    for phase, syncs in measured:
        counters, count = phase.cost.counters, phase.studies
        files = sum(
            n for name, n in phase.cost.written.items() if name not in ("postgres", "redis")
        )
        table.add_row(
            phase.name,
            f"{counters['statements'] / count:.1f}",
            f"{counters['commits'] / count:.2f}",
            f"{sum(syncs.values()) / TRACED:.1f}" if syncs else "no strace",
            f"{counters['wal_bytes'] / count:,.0f}",
            f"{files / count:,.0f}",
        )
    return table


def ratio_line(whole: Phase, floor: Phase) -> str:
    """How far the daemon is from the floor, and what this machine's cores could do at most."""
    ratio, cores = milliseconds(whole) / milliseconds(floor), os.cpu_count() or 1
    ceiling = 1e3 * cores / milliseconds(whole)
    return (
        f"folder to result takes {ratio:.2f} of the floor's processor time; {cores} cores without"
        f" other work would do {ceiling:.0f} studies a second at most"
    )


def milliseconds(phase: Phase) -> float:
    """Processor milliseconds a study, all processes together."""
    return 1e3 * sum(phase.cost.processor_s.values()) / phase.studies


if __name__ == "__main__":
    main()
