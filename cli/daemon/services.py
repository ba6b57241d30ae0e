"""`metseg watch`, `metseg work`, `metseg migrate`: the services of server mode."""

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from cli.common import HomeOption, edge, load_settings, out
from db.upgrade import head_revision, migrate
from metseg.errors import ConfigurationError
from metseg.folders import check_folders

InboxArgument = Annotated[
    Path | None, typer.Argument(help="Folder to watch. Default: METSEG_INBOX.", show_default=False)
]


def watch(inbox: InboxArgument = None, home: HomeOption = None) -> None:
    """Watch a folder and keep the queue moving; workers do the rest. Ends at Ctrl-C or SIGTERM.

    Example: `metseg watch /data/inbox`
    """
    # Imported here, so that a command loads only what it needs: `metseg watch` must stay small.
    from watcher.service import run_watcher

    settings = load_settings(home, inbox=inbox)
    with edge(settings):
        if settings.inbox is None:
            raise ConfigurationError("METSEG_INBOX must name the folder to watch, got nothing")
        check_folders(settings)
        stop = stop_at_signals()
        run_watcher(settings, inbox=settings.inbox.expanduser().absolute(), stop=stop)


def work(home: HomeOption = None) -> None:
    """Take jobs: through Celery when METSEG_BROKER_URL is set, else straight from the database.

    Example: `metseg work`
    """
    from worker.process.service import work as run_worker

    settings = load_settings(home)
    with edge(settings):
        check_folders(settings)
        run_worker(settings)


def migrate_database(home: HomeOption = None) -> None:
    """Bring the database to this version's tables. Safe at every start, and several times at once.

    Example: `metseg migrate`
    """
    settings = load_settings(home)
    from watcher.scan.places import check_places

    with edge(settings):
        if settings.inbox is not None:
            check_places(settings, settings.inbox.expanduser().absolute())
        settings.home_dir.mkdir(parents=True, exist_ok=True)
        migrate(settings.database)
    out.print(f"the database is at revision {head_revision()}")


def stop_at_signals() -> threading.Event:
    """An event that SIGTERM and Ctrl-C set. Main thread only."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
