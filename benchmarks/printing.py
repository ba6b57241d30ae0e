"""What the benchmarks print with: tables, and the memory of this process."""

from collections.abc import Collection
from pathlib import Path

from rich.table import Table


def table_of(title: str, *columns: str, left: Collection[str] = ()) -> Table:
    """An empty table; the first column and those of `left` are aligned left, the others right."""
    table = Table(title=title)
    for number, column in enumerate(columns):
        is_left = number == 0 or column in left
        table.add_column(column, justify="left" if is_left else "right")
    return table


def peak_mib() -> float:
    """Largest memory of this process so far, in MiB. (`getrusage` would count that of the process
    that started it.)
    """
    status = Path("/proc/self/status").read_text()
    (kib,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kib) / 1024
