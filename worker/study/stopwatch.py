"""Seconds by stage, and progress for whoever wants to watch."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str, float], None]
"""Called with the stage's name and how much of it is done, 0 to 1."""


def silent(_stage: str, _fraction: float) -> None:
    """Report progress to nobody."""


class Stopwatch:
    """Adds up seconds by stage, and reports to `progress` where the walk is."""

    def __init__(self, progress: Progress = silent) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[float], None]]:
        """Time the block as a stage. Gives a function to report a fraction of it."""
        self._progress(name, 0.0)
        started = time.monotonic()
        try:
            yield lambda fraction: self._progress(name, fraction)
        finally:
            self._add(name, time.monotonic() - started)
        self._progress(name, 1.0)

    def move(self, seconds: float, *, out_of: str, into: str) -> None:
        """Count seconds, measured inside one stage, as another's."""
        self._add(out_of, -seconds)
        self._add(into, seconds)

    def _add(self, name: str, seconds: float) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
