"""Celery's own share: a worker as the daemon's, whose only task does nothing."""

import sys
import tempfile
from pathlib import Path

from celery import shared_task

from metseg.broker import make_celery
from metseg.processes import process_name
from metseg.settings import Settings
from worker.process.app import worker_app, worker_arguments

TASK = "benchmark.nothing"


@shared_task(name=TASK)
def nothing(_number: int) -> None:
    """Take a message of the size of a doorbell, and do nothing."""


def send(settings: Settings, count: int) -> None:
    """Send so many messages, as the watcher rings doorbells."""
    app = make_celery(settings)
    for number in range(count):
        app.send_task(TASK, args=[number], retry=False, ignore_result=True)


def main() -> int:
    """Run the worker until a signal ends it."""
    settings, name = Settings(), process_name()
    with tempfile.TemporaryDirectory(prefix="metseg-bench-") as folder:
        app = worker_app(settings, name=name, folder=Path(folder))
        app.conf.imports = ("benchmarks.flow.empty",)
        return int(app.worker_main(worker_arguments(settings, name=name)) or 0)


if __name__ == "__main__":
    sys.exit(main())
