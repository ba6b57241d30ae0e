"""Progress of long commands: bars for a person at a terminal, plain lines for a log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.progress import Progress

from cli.common import err

Report = Callable[[str, float], None]
"""Called with the name of a stage and how much of it is done, 0 to 1."""


@contextmanager
def bars() -> Iterator[Report]:
    """Show a bar for each stage on a terminal; elsewhere a line on stderr for each tenth of it."""
    if not err.is_terminal:
        yield TenthLines(partial(err.print, markup=False, soft_wrap=True))
        return
    with Progress(console=err, transient=True) as shown:
        tasks = {}

        def report(stage: str, fraction: float) -> None:
            if stage not in tasks:
                tasks[stage] = shown.add_task(stage, total=1.0)
            shown.update(tasks[stage], completed=fraction)

        yield report


class TenthLines:
    """Writes ``stage: 30 %`` when another tenth of a stage is done, and nothing in between."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._reported: dict[str, int] = {}

    def __call__(self, stage: str, fraction: float) -> None:
        tenths = int(10 * fraction + 1e-9)
        if tenths > self._reported.get(stage, 0):
            self._reported[stage] = tenths
            self._say(f"{stage}: {10 * tenths} %")
