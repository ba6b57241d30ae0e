"""The one Celery task. Its message is a job's id and nothing else."""

import logging
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from celery import Celery, Task, shared_task
from celery.signals import setup_logging as setup_logging_signal

from metseg.broker import SEGMENT_TASK
from metseg.logs import setup_logging
from metseg.settings import Settings

if TYPE_CHECKING:
    from worker.job.runner import Runner

logger = logging.getLogger(__name__)

WORKER_KEY = "metseg_worker"
"""Configuration key of the worker's name, which its children need."""
FOLDER_KEY = "metseg_folder"
"""Configuration key of the folder that parent and children share."""

REST_LOOK_S = 1.0
"""Time between two looks whether this process has had nothing to do for long."""

_runners: "dict[str, Runner]" = {}
"""The runner of this process, by the worker's name: made at the first message and kept, so that
networks stay loaded.
"""


@shared_task(name=SEGMENT_TASK, bind=True)  # type: ignore[untyped-decorator]
def segment(self: Task, *args: Any, **kwargs: Any) -> None:
    """Run the job that the message names, and what else is due. A message that is not a single
    integer is dropped.
    """
    match args:
        case [int(job_id)] if not kwargs and not isinstance(job_id, bool):
            runner_of(self.app).answer(job_id)
        case _:
            logger.error("a message that is not a job's id was dropped")


def runner_of(app: Celery) -> "Runner":
    """The runner of this process. Everything in it is built here, from the settings, after the
    spawn.
    """
    from worker.job.runner import Runner  # not in the parent: it brings image libraries

    worker = str(app.conf[WORKER_KEY])
    if worker not in _runners:
        _our_logs()  # again: pydicom sets its own level when it is imported
        folder = Path(str(app.conf[FOLDER_KEY]))
        runner = Runner.build(Settings(), worker=worker, folder=folder)
        threading.Thread(target=_rest_when_idle, args=(runner,), daemon=True).start()
        _runners[worker] = runner
    return _runners[worker]


def _rest_when_idle(runner: "Runner") -> NoReturn:
    while True:
        time.sleep(REST_LOOK_S)
        runner.rest()


@setup_logging_signal.connect  # type: ignore[untyped-decorator]
def _our_logs(**_kwargs: Any) -> None:
    """Make parent and children log as all of metseg does, instead of Celery's own set-up."""
    settings = Settings()
    setup_logging(level=settings.log_level, style=settings.log_format)
    for chatty in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(chatty).setLevel(logging.WARNING)  # they quote what a message holds
