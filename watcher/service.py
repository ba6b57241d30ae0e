"""The watcher as a process: the loop around `watcher.watch.Watcher`."""

import contextlib
import logging
import threading
from pathlib import Path

from metseg.settings import Settings
from watcher.watch import Watcher

WAIT_S = 0.25
"""Longest time until the loop notices that it is to stop."""

log = logging.getLogger(__name__)


def run_watcher(
    settings: Settings,
    *,
    inbox: Path,
    stop: threading.Event,
    once: bool = False,
) -> None:
    """Watch until `stop` is set; with `once`, until all that is there is taken in or refused.

    Raises
    ------
    ConfigurationError
        A folder of metseg lies in the inbox.
    """
    log.info(
        "watching, quiet time %g s, scan every %g s", settings.quiet_s, settings.scan_interval_s
    )
    with contextlib.closing(Watcher(settings, inbox=inbox)) as watcher:
        while not stop.is_set():
            watcher.step()
            if once and watcher.idle:
                break
            watcher.wait(WAIT_S)
    log.info("watcher ends")
