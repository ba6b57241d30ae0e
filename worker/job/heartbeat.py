"""The heartbeat of a running job, and the end of a process that has lost its job.

A worker that cannot beat, or finds that the fence moved, ends itself: somebody else may already run
the job.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

logger = logging.getLogger(__name__)

EXIT_LOST_LEASE = 71
"""Exit status of a process whose job belongs to somebody else."""
REPORT_S = 1.0
"""Stages that follow each other faster than this are reported with one beat; a job that ends
sooner needs none.
"""
EXIT_CANNOT_BEAT = 72
"""Exit status of a process that could not reach the database for a whole lease."""


class Heartbeat:
    """Beats from a thread of its own while the `with` block runs.

    Parameters
    ----------
    beat
        One beat in a transaction of its own. False: the job is no longer ours. May raise.
    on_lost
        Called before the process ends, unless our last commit is in doubt: takes away what this run
        left on the disk.
    end
        Ends the process with a status, at once. `os._exit` but in tests.
    """

    def __init__(
        self,
        beat: Callable[[], bool],
        *,
        beat_s: float,
        lease_s: float,
        on_lost: Callable[[], None],
        end: Callable[[int], object] = os._exit,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._beat = beat
        self._beat_s = beat_s
        self._lease_s = lease_s
        self._on_lost = on_lost
        self._end = end
        self._clock = clock
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._finishing = threading.Event()
        self._good = clock()
        self._threads = (
            threading.Thread(target=self._run, name="heartbeat", daemon=True),
            threading.Thread(target=self._watch, name="heartbeat-watch", daemon=True),
        )

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._wake.set()
        self._threads[0].join(self._lease_s)

    @property
    def seconds_left(self) -> float:
        """Seconds until the lease must be taken as lost, counted from the last good beat."""
        return self._lease_s - (self._clock() - self._good)

    def hurry(self) -> None:
        """Beat soon, within `REPORT_S`: there is something to report."""
        self._wake.set()

    def finishing(self) -> None:
        """From here on this process itself changes the job's state: a beat that finds it changed
        does not mean that the job is lost.
        """
        self._finishing.set()

    @property
    def is_finishing(self) -> bool:
        """Whether this process itself may have changed the job's state already."""
        return self._finishing.is_set()

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._wake.wait(self._beat_s):
                self._stop.wait(min(REPORT_S, self._beat_s))
                self._wake.clear()
            if self._stop.is_set():
                return
            try:
                ours = self._beat()
            except Exception as error:
                logger.warning("heartbeat failed: %s", type(error).__name__)
                continue
            if ours or self._finishing.is_set():
                self._good = self._clock()
            elif not self._stop.is_set():
                self._leave(EXIT_LOST_LEASE, "the job belongs to somebody else")
                return

    def _watch(self) -> None:
        """Runs in a thread of its own, because a beat may hang in a dead connection.

        Needs two checks in a row: after a stop (SIGSTOP, laptop lid) the first check comes before
        the first beat could.
        """
        late = False
        while not self._stop.wait(self._beat_s):
            if self.seconds_left > 0:
                late = False
            elif late:
                self._leave(EXIT_CANNOT_BEAT, "no heartbeat got through for a whole lease")
                return
            else:
                late = True

    def _leave(self, status: int, why: str) -> None:
        logger.error("this process ends itself: %s", why)
        try:
            if not self._finishing.is_set():
                self._on_lost()
        finally:
            self._end(status)
