"""What `metseg run` shows while it works: a moving line for a person, plain lines for a log."""

import logging
import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

from db.overview import Overview
from db.tables import JobState
from watcher.view import WatcherView

log = logging.getLogger("metseg.run")


class Display:
    """Shows what goes on: on a terminal in place, elsewhere as log lines."""

    def __init__(self) -> None:
        self._status: Status | None = None
        self._last = ""
        if sys.stderr.isatty():
            self._status = Console(stderr=True, highlight=False).status("starting")

    def __enter__(self) -> Self:
        if self._status is not None:
            logging.getLogger().setLevel(logging.WARNING)
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, view: WatcherView, found: Overview) -> None:
        """Say what goes on. A log gets a line only when something has changed."""
        if self._status is not None:
            self._status.update(words(view, found, detail=True))
            return
        line = words(view, found, detail=False)
        if line != self._last:
            log.info("%s", line)
            self._last = line


def words(view: WatcherView, found: Overview, *, detail: bool) -> str:
    """One line: files, studies, jobs. `detail` adds what changes every second."""
    parts = []
    if view.paused_reason:
        parts.append(f"paused: {view.paused_reason}")
    if view.files_waiting:
        parts.append(f"{view.files_waiting} files settle")
    parts += [
        f"study {study.label} waits{f' {study.seconds_left:.0f} s' if detail else ''}: {study.why}"
        for study in view.studies_waiting[:3]
    ]
    parts += [
        f"job {job.job_id}: {job.why if detail else job.why.split(' ')[0]}"
        for job in found.jobs
        if job.state is JobState.RUNNING
    ]
    counts = [f"{number} {state}" for state, number in found.counts.items() if number]
    parts.append("jobs: " + (", ".join(counts) or "none yet"))
    return "; ".join(parts)
