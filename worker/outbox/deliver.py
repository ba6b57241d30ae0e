"""Sends claimed pushes to their destination, and records them one by one."""

import logging
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy.orm import Session, sessionmaker

from db.outbox import pushes
from db.outbox.pushes import PushClaim
from db.trouble import is_database_away
from metseg.destination import Destination
from metseg.errors import MetsegError
from worker.job.failures import classify
from worker.outbox.dicom_send import (
    NoAnswerError,
    OutgoingFile,
    OutgoingFileError,
    Peer,
    SendError,
    association,
    outgoing_file,
)

AnswerT = TypeVar("AnswerT")

logger = logging.getLogger(__name__)

PATIENCE_S = 60.0
"""How long a database that is away when a file has been sent is asked again."""
SENT_BEFORE = "this very instance was sent before"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of one push: an error, or a note of the receiver, or neither."""

    claim: PushClaim
    sop_instance_uid: str | None = None
    error: MetsegError | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Sender:
    """What deliveries are made with.

    `wait_until` says when a push is tried again, None for never by itself.
    """

    sessions: sessionmaker[Session]
    results_dir: Path
    title: str
    timeout_s: float
    wait_until: Callable[[PushClaim], datetime | None]
    utcnow: Callable[[], datetime] = lambda: datetime.now(UTC)


def deliver(claims: Sequence[PushClaim], sender: Sender) -> list[Delivery]:
    """Send the claimed pushes of one result to their destination over one association.

    Each is recorded as soon as it is answered; what is not sent is handed back, whatever went wrong
    with it.

    Raises
    ------
    sqlalchemy.exc.DBAPIError
        The database did not answer for `PATIENCE_S`: what came of the claims is not recorded.
    """
    done: dict[int, Delivery] = {}
    waiting: list[tuple[PushClaim, OutgoingFile]] = []
    for claim in claims:
        try:
            file = outgoing_file(sender.results_dir / claim.path, sha256=claim.sha256)
        except Exception as error:
            done[claim.push_id] = _refused(claim, error, sender)
            continue
        if sent := _announce(claim, file, sender):
            done[claim.push_id] = sent
        else:
            waiting.append((claim, file))
    if waiting:
        done |= _send_all(waiting, sender)
    return [done[claim.push_id] for claim in claims]


def _announce(claim: PushClaim, file: OutgoingFile, sender: Sender) -> Delivery | None:
    """Record which instance is about to be sent. Returns a delivery if there is nothing to send."""

    def change(session: Session) -> bool | None:
        if not pushes.mark_instance(session, claim, file.sop_instance_uid):
            return None
        if not pushes.was_sent(session, claim, file.sop_instance_uid):
            return False
        return pushes.mark_sent(session, claim, note=SENT_BEFORE, now=sender.utcnow())

    sent = _write(sender, change)
    if sent is None:
        error = SendError(f"push {claim.push_id} must be ours, somebody else has it")
        return Delivery(claim, file.sop_instance_uid, error=error)
    return Delivery(claim, file.sop_instance_uid, note=SENT_BEFORE) if sent else None


def _send_all(
    waiting: Sequence[tuple[PushClaim, OutgoingFile]], sender: Sender
) -> dict[int, Delivery]:
    done: dict[int, Delivery] = {}
    destination = Destination.parse(waiting[0][0].destination)
    try:
        with association(
            destination, [f for _, f in waiting], title=sender.title, timeout_s=sender.timeout_s
        ) as peer:
            for claim, file in waiting:
                done[claim.push_id] = _send_one(peer, claim, file, sender)
    except Exception as error:
        if is_database_away(error):
            raise
        for claim, file in waiting:
            if claim.push_id not in done:
                done[claim.push_id] = _refused(claim, error, sender, file.sop_instance_uid)
    return done


def _send_one(peer: Peer, claim: PushClaim, file: OutgoingFile, sender: Sender) -> Delivery:
    try:
        note = peer.send(file)
    except NoAnswerError:
        raise
    except Exception as error:
        return _refused(claim, error, sender, file.sop_instance_uid)
    _write(sender, lambda session: pushes.mark_sent(session, claim, note=note, now=sender.utcnow()))
    logger.info("result %d: %s sent to %s", claim.result_id, claim.kind, claim.destination)
    return Delivery(claim, file.sop_instance_uid, note=note)


def _refused(
    claim: PushClaim, error: Exception, sender: Sender, sop_instance_uid: str | None = None
) -> Delivery:
    ours = error if isinstance(error, MetsegError) else _unforeseen(error)
    again = None if isinstance(ours, OutgoingFileError) else sender.wait_until(claim)
    _write(
        sender,
        lambda session: pushes.hand_back(
            session, claim, code=ours.code, message=str(ours), run_after=again
        ),
    )
    logger.warning("result %d: %s not sent: %s", claim.result_id, claim.kind, ours)
    return Delivery(claim, sop_instance_uid, error=ours)


def _unforeseen(error: Exception) -> SendError:
    """An error of a library, without its words: they may quote a patient's name."""
    failure = classify(error)
    steps = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)[-6:]))
    logger.error("outbox: %s at\n%s", failure.message, steps)
    return SendError(f"{failure.code}: {failure.message}")


def _write(sender: Sender, change: Callable[[Session], AnswerT]) -> AnswerT:
    """One transaction, tried again while the database is away: what was sent must be known."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            with sender.sessions.begin() as session:
                return change(session)
        except Exception as error:
            if not is_database_away(error) or time.monotonic() > end:
                raise
        time.sleep(0.5)
