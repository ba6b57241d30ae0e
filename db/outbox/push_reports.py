"""What the outbox says, for people and for those who wait for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from db.counts import MORE, counts
from db.outbox.pushes import BY_HAND, abandoned
from db.tables.push_tables import Push, PushState
from db.tables.result_tables import ArtifactRow, Result
from db.tables.tables import Study
from db.tables.types import stands
from metseg.errors import ConfigurationError

NOT_SENT = (PushState.PENDING, PushState.SENDING, PushState.FAILED)


@dataclass(frozen=True, slots=True)
class PushReport:
    """One line of the outbox, for people."""

    push_id: int
    result_id: int
    study_uid: str
    kind: str
    destination: str
    state: str
    attempt: int
    sop_instance_uid: str | None
    error_code: str | None
    error_message: str | None
    run_after: datetime
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class OpenPushes:
    """Pushes to one destination that are not sent, for one reason."""

    destination: str
    state: PushState
    number: int
    error_code: str | None
    error_message: str | None
    """What the last of them to be put in the outbox met."""
    run_after: datetime
    """When the first of them is due."""


def open_pushes(session: Session) -> list[OpenPushes]:
    """What in the outbox is not sent, by destination, state and reason. Of each state only the
    `MORE` that are due first are looked at.
    """
    found = [row for state in NOT_SENT for row in session.execute(_groups(state))]
    found.sort(key=lambda row: row.oldest)
    newest = [row.newest for row in found]
    said = session.execute(select(Push.id, Push.error_message).where(Push.id.in_(newest)))
    messages = {row.id: row.error_message for row in said}
    return [
        OpenPushes(
            row.destination, row.state, row.n, row.error_code, messages[row.newest], row.first
        )
        for row in found
    ]


def _groups(state: PushState) -> Select[*tuple[Any, ...]]:
    due_first = (
        select(Push.id, Push.destination, Push.state, Push.error_code, Push.run_after)
        .where(stands(Push.state, state))
        .order_by(Push.run_after)
        .limit(MORE)
        .subquery()
        .c
    )
    alike = (due_first.destination, due_first.state, due_first.error_code)
    return select(
        *alike,
        func.count().label("n"),
        func.min(due_first.id).label("oldest"),
        func.max(due_first.id).label("newest"),
        func.min(due_first.run_after).label("first"),
    ).group_by(*alike)


def push_counts(session: Session) -> dict[PushState, int]:
    """How many pushes are in each state; states without any are left out. `db.counts.MORE` where
    there are more.
    """
    return counts(session, Push.state, PushState)


def is_due(session: Session, *, now: datetime) -> bool:
    """Whether a worker has something to send just now, sends it, or has it to take back from
    somebody who is gone.
    """
    by_worker = ~Push.owner.startswith(BY_HAND)
    due = stands(Push.state, PushState.PENDING) & (Push.run_after <= now)
    sent_now = stands(Push.state, PushState.SENDING) & (by_worker | abandoned(now=now))
    # One after the other: PostgreSQL would look for both at once in all rows.
    return any(
        session.scalar(select(Push.id).where(one).limit(1)) is not None for one in (sent_now, due)
    )


def push_reports(
    session: Session, *, states: Sequence[PushState] | None = None, result_id: int | None = None
) -> list[PushReport]:
    """The outbox, oldest first."""
    query = (
        select(Push, ArtifactRow.kind, Study.study_instance_uid)
        .join(ArtifactRow, ArtifactRow.id == Push.artifact_id)
        .join(Result, Result.id == Push.result_id)
        .join(Study, Study.id == Result.study_id)
        .order_by(Push.id)
    )
    if states is not None:
        query = query.where(Push.state.in_(states))
    if result_id is not None:
        query = query.where(Push.result_id == result_id)
    return [_report(push, kind, uid) for push, kind, uid in session.execute(query)]


def _report(push: Push, kind: str, study_uid: str) -> PushReport:
    return PushReport(
        push_id=push.id,
        result_id=push.result_id,
        study_uid=study_uid,
        kind=kind,
        destination=push.destination,
        state=push.state.value,
        attempt=push.attempt,
        sop_instance_uid=push.sop_instance_uid,
        error_code=push.error_code,
        error_message=push.error_message,
        run_after=push.run_after,
        sent_at=push.sent_at,
    )


def find_result(session: Session, name: str) -> int:
    """The id of a result: `name` is that id, or a StudyInstanceUID, whose current result it is.

    Raises
    ------
    ConfigurationError
        There is none.
    """
    query = select(Result.id)
    if name.isdigit() and len(name) < 16:
        found = session.scalar(query.where(Result.id == int(name)))
    else:
        joined = query.join(Study, Study.id == Result.study_id)
        found = session.scalar(joined.where(Study.study_instance_uid == name, Result.is_current))
    if found is None:
        raise ConfigurationError(
            "RESULT must be the number of a result or the StudyInstanceUID of a study that has"
            f" one, as `metseg results` shows them, got {name!r}"
        )
    return found


def senders(session: Session, result_id: int) -> list[str]:
    """Who sends files of a result just now."""
    query = select(Push.owner).where(
        Push.result_id == result_id, Push.state == PushState.SENDING, Push.owner.is_not(None)
    )
    return [str(owner) for owner in session.scalars(query.distinct())]
