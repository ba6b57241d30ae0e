"""What `metseg run` shows while it works: a moving line for a person, plain lines for a log.

Studies are called by metseg's own number: the names of folders may be those of patients.
"""

import logging
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from db.counts import shown
from db.overview import OpenJob, Overview
from db.results.ended import EndedStudy
from db.tables.tables import JobState
from watcher.view import StudyView, WatcherView

LOG_EVERY_S = 10.0
"""A log gets at most one line in this time, however fast things change."""

log = logging.getLogger("metseg.run")


class Display:
    """Shows progress: in place on a terminal, as log lines elsewhere.

    `clock` gives monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._status: Status | None = None
        self._clock = clock
        self._last = ""
        self._next_line = float("-inf")
        if sys.stderr.isatty():
            self._status = self._console.status("starting")

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
        """Show progress. A log gets a line only after a change, one per `LOG_EVERY_S` at most."""
        if self._status is not None:
            self._status.update(escape(words(view, found, detail=True)))
            return
        line = words(view, found, detail=False)
        if line != self._last and self._clock() >= self._next_line:
            log.info("%s", line)
            self._last = line
            self._next_line = self._clock() + LOG_EVERY_S

    def say(self, line: str) -> None:
        """Print a line that stays."""
        if self._status is not None:
            self._console.print(line, soft_wrap=True, markup=False)
        else:
            log.info("%s", line)


def words(view: WatcherView, found: Overview, *, detail: bool) -> str:
    """One line: files, studies, jobs. `detail` adds what changes every second."""
    parts = []
    if view.paused_reason:
        parts.append(f"paused: {view.paused_reason}")
    if view.files_waiting:
        parts.append(f"{view.files_waiting} files settle")
    parts += [_waiting(study, detail=detail) for study in view.studies_waiting[:3]]
    if more := view.studies_waiting[3:]:
        parts.append("1 more study waits" if len(more) == 1 else f"{len(more)} more studies wait")
    parts += [
        f"study {job.study_id}: {job.why if detail else job.why.split(' ')[0]}"
        for job in found.jobs
        if job.state is JobState.RUNNING
    ]
    counts = [f"{shown(number)} {state}" for state, number in found.counts.items() if number]
    parts.append("jobs: " + (", ".join(counts) or "none yet"))
    return "; ".join(parts)


def _waiting(study: StudyView, *, detail: bool) -> str:
    """A study that is not taken in yet: it has no number."""
    left = f" {study.seconds_left:.0f} s" if detail else ""
    return f"a new study of {count(study.n_files, 'file')} waits{left}: {study.why}"


def ended_line(study: EndedStudy) -> str:
    """What was found in a study: ``study 6: 1 lesion, 66.7 ml, Dice 0.91``."""
    parts = ["no suitable series"]
    if study.segmented:
        parts = [count(study.n_lesions, "lesion") if study.n_lesions else "no lesion"]
    if study.n_lesions:
        millilitres = study.total_volume_mm3 / 1000
        parts.append(f"{millilitres:.{1 if millilitres >= 1 else 2}f} ml")
    if study.dice is not None:
        parts.append(f"Dice {study.dice:.2f}")
    if study.n_warnings:
        parts.append(count(study.n_warnings, "warning"))
    return f"study {study.study_id}: {', '.join(parts)}"


def failed_line(job: OpenJob) -> str:
    """Why a study has no result."""
    return f"study {job.study_id}: failed, {job.why}"


def count(number: int, what: str) -> str:
    """A number with its noun."""
    return f"{number} {what}{'' if number == 1 else 's'}"
