"""The Celery worker of server mode, started by code so that its settings are those of
docs/reliability.md.
"""

import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NoReturn

from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import Celery
from celery.signals import task_failure

from db.session import session_factory
from metseg.broker import make_celery
from metseg.errors import MetsegError
from metseg.logs import setup_logging
from metseg.processes import process_name
from metseg.settings import Settings
from worker.outbox.pusher import Pusher
from worker.process.parent import Parent
from worker.process.ready import wait_for_database
from worker.process.tasks import FOLDER_KEY, WORKER_KEY

logger = logging.getLogger(__name__)

REMAP = "REMAP_SIGTERM"
"""Read by billiard when it is imported: SIGTERM then gives a running job
`worker_soft_shutdown_timeout` to end.
"""

CHILD_LOGS = "_MP_FORK_LOGLEVEL_"
"""Set by Celery; billiard's children then log a line of their own before ours are set up, neither
plain nor JSON.
"""

NOT_TRIED = 3
"""Exit status where a setting or the database lets nothing be tried, as of every command."""

CHILD_START_S = 120.0
"""Celery kills a child that has not reported by then and starts the next. Its 4 s are for forks: a
spawned one imports everything anew, and on a busy machine would be killed for ever."""


def worker_app(settings: Settings, *, name: str, folder: Path) -> Celery:
    """The application of one worker. Its children get name and folder with the configuration."""
    app = make_celery(settings)
    app.conf.update(
        {
            "imports": ("worker.process.tasks",),
            "worker_redirect_stdouts": False,
            "worker_proc_alive_timeout": CHILD_START_S,
            WORKER_KEY: name,
            FOLDER_KEY: str(folder),
        }
    )
    return app


def worker_arguments(settings: Settings, *, name: str) -> list[str]:
    """The command line of the Celery worker: one child, and no messages between workers."""
    token = name.rpartition(":")[2]
    return [
        "--quiet",
        "worker",
        "--pool=prefork",
        "--concurrency=1",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
        f"--hostname=metseg-{token}@%h",
        f"--loglevel={settings.log_level}",
    ]


def patient_worker(app: Celery, parent: Parent) -> type[Any]:
    """Celery's worker, but its soft shutdown ends with the running job instead of always after 30
    s.

    Its own waits in a signal handler, where it cannot see that the job has ended; `parent` can.
    """

    class PatientWorker(app.Worker):  # type: ignore[misc]
        def setup_logging(self, colorize: bool | None = None) -> Any:
            found = super().setup_logging(colorize)
            os.environ.pop(CHILD_LOGS, None)
            return found

        def wait_for_soft_shutdown(self) -> None:
            end = time.monotonic() + app.conf.worker_soft_shutdown_timeout
            parent.look()
            while parent.busy and time.monotonic() < end:
                parent.look()
            parent.kill_children_next()

    return PatientWorker


def start() -> NoReturn:
    """Replace this process by a Celery worker. Its settings come from the environment, as its
    children's do.
    """
    environment = os.environ | {REMAP: "SIGQUIT"}
    os.execve(sys.executable, [sys.executable, "-m", "worker.process.app"], environment)  # noqa: S606


def run(settings: Settings) -> int:
    """Run a Celery worker in this process until a signal ends it. Returns the exit status."""
    name = process_name()
    engine = wait_for_database(settings)
    sessions = session_factory(engine)
    with (
        tempfile.TemporaryDirectory(prefix="metseg-worker-") as folder,
        Parent(settings, name=name, folder=Path(folder), sessions=sessions) as parent,
        Pusher(settings, name=name, sessions=sessions),
    ):

        def on_failure(exception: BaseException, args: Any = (), **_kwargs: Any) -> None:
            """In the parent only: a child died, or is killed for its time (Celery says so
            twice).
            """
            if isinstance(exception, TimeLimitExceeded):
                parent.hurry(over_time=True)
            elif isinstance(exception, WorkerLostError):
                job_id = args[0] if args and isinstance(args[0], int) else None
                parent.hurry(unanswered=job_id)

        task_failure.connect(on_failure, weak=False)
        app = worker_app(settings, name=name, folder=Path(folder))
        app.Worker = patient_worker(app, parent)
        return int(app.worker_main(worker_arguments(settings, name=name)) or 0)


def main() -> int:
    """Entry point of ``python -m worker.process.app``."""
    settings = Settings()
    setup_logging(level=settings.log_level, style=settings.log_format)
    try:
        return run(settings)
    except MetsegError as error:
        logger.critical("%s: %s", error.code, error)
        return NOT_TRIED


if __name__ == "__main__":
    sys.exit(main())
