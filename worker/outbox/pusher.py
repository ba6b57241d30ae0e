"""Empties the outbox: a thread beside `worker.process.parent`, in embedded and in server mode
alike.
"""

import logging
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session, sessionmaker

from db.outbox import pushes
from db.outbox.push_reports import is_due
from db.outbox.pushes import PushClaim
from db.processes import is_registered
from db.session import read_only
from metseg.backoff import backoff
from metseg.settings import Settings
from worker.background import Background
from worker.outbox.dicom_send import NoAnswerError, RejectedError, UnreachableError

logger = logging.getLogger(__name__)

LOOK_S = 2.0
"""Time between two looks at the outbox."""
LONGEST_WAIT_S = 3600.0
"""The wait after a refusal doubles up to here, and never ends: no push is dropped."""
JOIN_S = 5.0
ANSWER_S = 30.0
"""Longest wait for each answer of a receiver, connecting included. An archive that stores a file
before it answers needs seconds; one that needs more than this is tried again.
"""
_WHOLE_DESTINATION = (UnreachableError, RejectedError, NoAnswerError)


class Pusher(Background):
    """Sends what is due while the `with` block runs.

    `name` is that of the worker's row in the table `worker`: while the row exists, what we claimed
    is ours; when it is gone, others take it back. Nothing is claimed before it exists.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        name: str,
        sessions: sessionmaker[Session],
        answer_s: float = ANSWER_S,
    ) -> None:
        super().__init__(name="pusher", topic="outbox", rest_s=LOOK_S, join_s=JOIN_S)
        self._settings = settings
        self._name = name
        self._answer_s = answer_s
        self._sessions = sessions

    def work(self) -> None:
        """Send all that is due."""
        while not self.stopping and self.step():
            pass

    def step(self) -> bool:
        """Send the files of one result that are due. False when there are none."""
        now = datetime.now(UTC)
        with self._sessions() as session:
            if not self._has_work(read_only(session), now):
                return False
        with self._sessions.begin() as session:
            for push_id in pushes.take_back(session, now=now, owner=self._name):
                logger.warning("push %d: its outcome is not known, it waits again", push_id)
            claims = pushes.claim_due(session, owner=self._name, now=now)
        if claims:
            self._deliver(claims)
        return bool(claims)

    def _has_work(self, session: Session, now: datetime) -> bool:
        return is_registered(session, self._name) and is_due(session, now=now)

    def _deliver(self, claims: list[PushClaim]) -> None:
        from worker.outbox.deliver import Sender, deliver

        settings = self._settings
        sender = Sender(
            self._sessions,
            settings.results_dir,
            settings.ae_title,
            self._answer_s,
            self._wait_until,
        )
        deliveries = deliver(claims, sender)
        if any(isinstance(one.error, _WHOLE_DESTINATION) for one in deliveries):
            with self._sessions.begin() as session:
                until = self._wait_until(claims[0])
                pushes.defer(session, claims[0].destination, until=until)

    def _wait_until(self, claim: PushClaim) -> datetime:
        wait = push_wait(claim.attempt, first_s=self._settings.backoff_s)
        return datetime.now(UTC) + timedelta(seconds=wait)


def push_wait(attempt: int, *, first_s: float) -> float:
    """Seconds to wait after attempt `attempt`, from 1: doubles up to LONGEST_WAIT_S."""
    return backoff(attempt, first_s=max(first_s, LOOK_S), longest_s=LONGEST_WAIT_S)
