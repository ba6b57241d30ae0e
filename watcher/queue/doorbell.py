"""Doorbells: a message with a job's id, which says no more than "look into the database"."""

from collections.abc import Callable

from metseg.settings import Settings

BELLS_A_WORKER = 2
"""One for the job that it takes next, and one so that it never waits for the watcher."""
SEND_TIMEOUT_S = 3.0
"""A broker that hangs must not hold up the watcher's loop: what was not sent now is sent later."""


def how_many_to_ring(workers: int, *, unanswered: int) -> int:
    """How many more doorbells may ring: two for each living worker, or for one if there is none."""
    return max(0, BELLS_A_WORKER * max(workers, 1) - unanswered)


def make_ringer(settings: Settings) -> Callable[[int], None] | None:
    """A function that rings for a job, or raises ConnectionError; None without a broker.

    It connects at the first ring. Celery is imported here: embedded runs do not need it.
    """
    if settings.broker is None:
        return None
    from kombu.exceptions import OperationalError

    from metseg.broker import SEGMENT_TASK, make_celery

    app = make_celery(settings)
    # kombu takes its own retries from here too; unset, it would try for ever.
    options = {**app.conf.broker_transport_options, "max_retries": 1, "interval_start": 0.0}
    if settings.broker.startswith("redis"):
        options |= {"socket_timeout": SEND_TIMEOUT_S, "socket_connect_timeout": SEND_TIMEOUT_S}
    app.conf.update(broker_transport_options=options, broker_connection_timeout=SEND_TIMEOUT_S)

    def ring(job_id: int) -> None:
        try:
            app.send_task(SEGMENT_TASK, args=[job_id], retry=False, ignore_result=True)
        except (OperationalError, OSError) as error:
            # The text of the error may hold the broker's URL with its password.
            raise ConnectionError(type(error).__name__) from None

    return ring
