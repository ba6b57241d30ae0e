"""`metseg work`: whichever worker the settings ask for."""

import signal
import threading

from metseg.settings import Settings
from worker.process import app
from worker.process.supervisor import supervise


def work(settings: Settings) -> None:
    """Run a worker until SIGTERM or Ctrl-C: Celery's with a broker, else the embedded one. Main
    thread only.

    With a broker the process is replaced and does not come back here.
    """
    if settings.broker is not None:
        app.start()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    supervise(settings, stop)
