"""The worker without a broker: claims straight from the database. A child process of
`worker.process.supervisor`.
"""

import logging
import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path

from metseg.logs import setup_logging
from metseg.settings import Settings
from worker.job.runner import Runner
from worker.job.timelimit import soft_limit

logger = logging.getLogger(__name__)

IDLE_S = 0.5
"""Time between two looks for a job that is due."""


def run_worker(runner: Runner, stop: threading.Event, *, idle_s: float = IDLE_S) -> None:
    """Run due jobs, one at a time, until `stop`; a job that runs is brought to its end."""
    while not stop.is_set():
        try:
            report = runner.run_next()
        except Exception as error:  # a bug: the next job must still get its turn
            logger.error("unexpected error in the worker: %s", type(error).__name__)
            stop.wait(runner.settings.backoff_s)
            continue
        if report is None:
            runner.rest()
            stop.wait(idle_s)


def main(worker: str, folder: str) -> int:
    """Entry point of ``python -m worker.process.embedded``: work for the supervisor of that name
    until SIGTERM or its end.
    """
    settings = Settings()
    setup_logging(level=settings.log_level, style=settings.log_format)
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the supervisor, which then ends us
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    threading.Thread(target=_stop_with_parent, args=(stop,), daemon=True).start()
    runner = Runner.build(settings, worker=worker, folder=Path(folder))
    runner.time_limit = partial(soft_limit, settings.time_limit_s)
    run_worker(runner, stop)
    return 0


def _stop_with_parent(stop: threading.Event) -> None:
    """Our standard input is a pipe that only the supervisor holds: it ends when the supervisor
    does.
    """
    os.read(sys.stdin.fileno(), 1)  # not through the buffer, whose lock a daemon thread may keep
    stop.set()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
