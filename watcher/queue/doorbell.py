"""Doorbells: a message with a job's id, which says no more than "look into the database"."""

from collections.abc import Callable

from metseg.settings import Settings

BELLS_A_WORKER = 2
"""One that it works on next, and one so that it never waits for us."""
SEND_TIMEOUT_S = 3.0
"""A broker that hangs must not hold up the watcher's loop: what was not sent now is sent later."""


def how_many_to_ring(workers: int, *, unanswered: int) -> int:
    """How many more may ring: two for each living worker, of which there is one at least."""
    return max(0, BELLS_A_WORKER * max(workers, 1) - unanswered)


def make_ringer(settings: Settings) -> Callable[[int], None] | None:
    """What rings for a job, raising ConnectionError when it cannot; None without a broker.

    Connects at the first ring. Celery is imported here and not before: embedded runs need none.
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
