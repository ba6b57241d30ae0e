"""Keeps the embedded worker's process alive: starts it, restarts it, stops it. Its jobs are looked
after by `worker.process.parent`, which takes back at once what a dead child held."""

import logging
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from db.session import session_factory
from metseg.backoff import backoff
from metseg.processes import process_name
from metseg.settings import Settings
from worker.job.exits import EXIT_RESTED
from worker.outbox.pusher import Pusher
from worker.process.parent import Parent
from worker.process.ready import wait_for_database

logger = logging.getLogger(__name__)

LOOK_S = 0.2
SOFT_SHUTDOWN_S = 30.0
"""A running job may take this long to end when we are told to stop; then it is handed back. As in
server mode.
"""
HEALTHY_S = 60.0
"""A child that lived this long did not fail at its start."""
LONGEST_WAIT_S = 60.0


def supervise(settings: Settings, stop: threading.Event) -> None:
    """Run the embedded worker in a child process until `stop`. May run in a thread: it touches no
    signals.

    Raises
    ------
    ConfigurationError
        The database's schema is not ours: migrate first.
    """
    sessions = session_factory(wait_for_database(settings, stop))
    name = process_name()
    with (
        tempfile.TemporaryDirectory(prefix="metseg-worker-") as folder,
        Parent(settings, name=name, folder=Path(folder), sessions=sessions) as parent,
        Pusher(settings, name=name, sessions=sessions),
    ):
        deaths = 0
        while not stop.is_set():
            started = time.monotonic()
            try:
                status = _live_once(name, folder, stop, parent)
            except OSError as error:  # no memory or no file handle for a child just now
                status = error.errno or -1
            if stop.is_set():
                return
            if status == EXIT_RESTED:
                continue
            deaths = 1 if time.monotonic() - started > HEALTHY_S else deaths + 1
            wait = backoff(deaths, first_s=0.5, longest_s=LONGEST_WAIT_S)
            logger.warning("worker process ended with %d, next in %.1f s", status, wait)
            parent.hurry()
            stop.wait(wait)


def _live_once(name: str, folder: str, stop: threading.Event, parent: Parent) -> int:
    """One life of the child, up to its own end or to `stop`. Returns its exit status."""
    child = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "worker.process.embedded", name, folder],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        while child.poll() is None and not stop.wait(LOOK_S):
            pass
        return _end(child, parent)
    finally:
        child.kill()
        child.wait()
        if child.stdin is not None:
            child.stdin.close()


def _end(child: subprocess.Popen[bytes], parent: Parent) -> int:
    if child.poll() is None:
        child.terminate()
    try:
        return child.wait(SOFT_SHUTDOWN_S)
    except subprocess.TimeoutExpired:
        logger.warning("the running job did not end in %.0f s and is handed back", SOFT_SHUTDOWN_S)
        parent.kill_children_next()  # before its next beat finds the child dead
        child.kill()
        return child.wait()
