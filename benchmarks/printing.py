"""What the benchmarks print with: tables, and the memory of this process."""

import resource
from collections.abc import Collection

from rich.table import Table


def table_of(title: str, *columns: str, left: Collection[str] = ()) -> Table:
    """An empty table; the first column and those of `left` are aligned left, the others right."""
    table = Table(title=title)
    for number, column in enumerate(columns):
        is_left = number == 0 or column in left
        table.add_column(column, justify="left" if is_left else "right")
    return table


def peak_mib() -> float:
    """Largest memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
