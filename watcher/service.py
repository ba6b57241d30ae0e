"""The watcher as a process: the loop around `watcher.watch.Watcher`."""

import contextlib
import logging
import signal
import sys
import threading
from pathlib import Path

from metseg.errors import ConfigurationError, MetsegError
from metseg.logs import setup_logging
from metseg.settings import Settings
from watcher.watch import Watcher

__all__ = ["Watcher", "main", "run_watcher"]

WAIT_S = 0.25
"""How soon the loop hears that it shall stop."""

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
        Folders of ours lie in the inbox.
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


def main() -> int:
    """Run from the environment until SIGTERM or SIGINT. Returns the exit status."""
    settings = Settings()
    setup_logging(level=settings.log_level, style=settings.log_format)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    try:
        if settings.inbox is None:
            raise ConfigurationError("METSEG_INBOX must name the folder to watch, got nothing")
        run_watcher(settings, inbox=settings.inbox.expanduser().absolute(), stop=stop)
    except MetsegError as error:
        log.error("%s: %s", error.code, error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
