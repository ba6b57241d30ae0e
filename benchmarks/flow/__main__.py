"""Studies a second from folder to row: ``make bench-flow``."""

import argparse

from rich.console import Console

from benchmarks.flow.meter import Meter
from benchmarks.flow.phases import Phase, Walk, walk
from benchmarks.flow.site import flow_site
from benchmarks.printing import table_of
from metseg.outputs import DEFAULT_OUTPUTS


def main() -> None:
    """Parse the arguments, walk, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--slices", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--outputs", default=",".join(DEFAULT_OUTPUTS))
    options = parser.parse_args()
    console = Console(width=160)
    with flow_site(options.outputs, options.slices) as servers:
        walked = Walk.of(servers, options.studies, options.slices)
        phases = walk(walked, options.workers)
        print_phases(console, phases)
        top(console, servers[0])


def print_phases(console: Console, phases: list[Phase]) -> None:
    names = list(phases[-1].cost.processor_s)
    names = [n for n in names if any(p.cost.processor_s.get(n, 0) > 0.005 for p in phases)]
    table = table_of("", "phase", "studies/s", "ms cpu", *names, "statements", "wal syncs", "wal B")
    for p in phases:
        c, n = p.cost, p.studies
        table.add_row(
            p.name,
            f"{n / c.seconds:.1f}",
            f"{sum(c.processor_s.values()) / n * 1e3:.1f}",
            *(f"{c.processor_s.get(name, 0) / n * 1e3:.2f}" for name in names),
            f"{c.counters['statements'] / n:.1f}",
            f"{c.counters['wal_syncs'] / n:.2f}",
            f"{c.counters['wal_bytes'] / n:.0f}",
        )
    console.print(table)


def top(console, site):
    from sqlalchemy import text

    with site.engine.connect() as c:
        for row in c.execute(
            text(
                "select calls, round(total_exec_time::numeric,1), left(regexp_replace(query,'\\s+',' ','g'),110)"
                " from pg_stat_statements order by calls desc limit 50"
            )
        ):
            console.print(*row, highlight=False)


if __name__ == "__main__":
    main()
