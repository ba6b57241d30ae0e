"""Waiting for what a worker cannot start without."""

import logging
import threading

from sqlalchemy import Engine

from db.session import make_engine
from db.trouble import database_trouble, is_database_away
from db.upgrade import require_current
from metseg.backoff import backoff
from metseg.settings import Settings

logger = logging.getLogger(__name__)


def wait_for_database(settings: Settings, stop: threading.Event | None = None) -> Engine:
    """An engine on a database that answers and has our schema. Waits as long as it does not answer.

    Raises
    ------
    ConfigurationError
        The schema is another: migrate first.
    """
    stop = stop or threading.Event()
    engine = make_engine(settings.database)
    failures = 0
    while not stop.is_set():
        try:
            require_current(engine)
            return engine
        except Exception as error:
            if not is_database_away(error):
                raise
            failures += 1
            trouble = database_trouble(error, settings.database)
            logger.warning("waiting for the database: %s", trouble)
        stop.wait(backoff(failures, first_s=0.5, longest_s=30.0))
    return engine
