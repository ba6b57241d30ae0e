"""A pusher whose steps the test makes, and the state of the outbox afterwards."""

from db.outbox import pushes
from db.outbox.push_reports import PushReport, push_reports
from tests.helpers.outbox import WORKER, Outbox
from worker.outbox.pusher import Pusher


def pusher(outbox: Outbox, name: str = WORKER) -> Pusher:
    return Pusher(outbox.settings, name=name, sessions=outbox.sessions, answer_s=3.0)


def reports(outbox: Outbox) -> list[PushReport]:
    with outbox.sessions() as session:
        return push_reports(session)


def states(outbox: Outbox) -> list[str]:
    return [one.state for one in reports(outbox)]


def retry_now(outbox: Outbox) -> None:
    with outbox.sessions.begin() as session:
        pushes.retry(session, None, now=outbox.now())
