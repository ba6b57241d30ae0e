"""The outbox's SQL. Every change is one guarded UPDATE; callers own the transaction."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from db.tables.push_tables import Push, PushState
from db.tables.result_tables import ArtifactRow
from db.tables.tables import Worker
from db.upsert import upsert

DICOM_KINDS = "dicom-%"
BY_HAND = "cli:"
"""Owners that are not workers: a person's command, which answers for its own pushes."""


@dataclass(frozen=True, slots=True)
class PushClaim:
    """A push that is ours until its fence moves. `path` is relative to the results folder."""

    push_id: int
    fence: int
    attempt: int
    owner: str
    result_id: int
    destination: str
    automatic: bool
    kind: str
    path: str
    sha256: str


def enqueue(
    session: Session, result_id: int, destination: str, *, now: datetime, automatic: bool
) -> int:
    """Put the DICOM files of a result in the outbox, except those that are there already for this
    destination. Returns how many are new. Never commits.
    """
    wanted = session.scalars(
        select(ArtifactRow.id)
        .where(ArtifactRow.result_id == result_id, ArtifactRow.kind.like(DICOM_KINDS))
        .order_by(ArtifactRow.id)
    ).all()
    rows = [
        {
            "result_id": result_id,
            "artifact_id": artifact_id,
            "destination": destination,
            "automatic": automatic,
            "state": PushState.PENDING,
            "attempt": 0,
            "fence": 0,
            "run_after": now,
            "created_at": now,
        }
        for artifact_id in wanted
    ]
    if not rows:
        return 0
    new = session.scalars(
        upsert(session, Push).values(rows).on_conflict_do_nothing().returning(Push.id)
    )
    return len(new.all())


def claim_due(session: Session, *, owner: str, now: datetime) -> list[PushClaim]:
    """Take the due pushes of the result that is due first, to one destination. Of any number of
    callers, one wins each push. Never commits.
    """
    first = session.execute(
        select(Push.result_id, Push.destination)
        .where(Push.state == PushState.PENDING, Push.run_after <= now)
        .order_by(Push.result_id, Push.id)
        .limit(1)
    ).one_or_none()
    if first is None:
        return []
    guard = (
        (Push.state == PushState.PENDING)
        & (Push.run_after <= now)
        & (Push.result_id == first.result_id)
        & (Push.destination == first.destination)
    )
    return _take(session, guard, owner=owner)


def claim_result(
    session: Session, result_id: int, destination: str, *, owner: str, until: datetime
) -> list[PushClaim]:
    """Take what of a result is not sent yet, due or not, failed or not. After `until` others may
    take it from us. Never commits.
    """
    guard = (
        Push.state.in_((PushState.PENDING, PushState.FAILED))
        & (Push.result_id == result_id)
        & (Push.destination == destination)
    )
    return _take(session, guard, owner=owner, run_after=until)


def _take(
    session: Session, guard: ColumnElement[bool], *, owner: str, **values: object
) -> list[PushClaim]:
    taken = session.execute(
        update(Push)
        .where(guard)
        .values(
            state=PushState.SENDING,
            owner=owner,
            fence=Push.fence + 1,
            attempt=Push.attempt + 1,
            **values,
        )
        .returning(Push.id)
        .execution_options(synchronize_session=False)
    ).scalars()
    rows = session.execute(
        select(Push, ArtifactRow.kind, ArtifactRow.path, ArtifactRow.sha256)
        .join(ArtifactRow, ArtifactRow.id == Push.artifact_id)
        .where(Push.id.in_(list(taken)))
        .order_by(Push.id)
        .execution_options(populate_existing=True)
    )
    return [
        PushClaim(
            push.id, push.fence, push.attempt, owner, push.result_id, push.destination,
            push.automatic, kind, path, sha256,
        )
        for push, kind, path, sha256 in rows
    ]  # fmt: skip


def mark_instance(session: Session, claim: PushClaim, sop_instance_uid: str) -> bool:
    """Record which instance is about to be sent. False when the push is not ours any more.
    Never commits.
    """
    return _change(session, claim, sop_instance_uid=sop_instance_uid)


def was_sent(session: Session, claim: PushClaim, sop_instance_uid: str) -> bool:
    """Whether this very instance was sent to the destination before, for another result."""
    found = session.scalar(
        select(Push.id).where(
            Push.destination == claim.destination,
            Push.sop_instance_uid == sop_instance_uid,
            Push.state == PushState.SENT,
            Push.id != claim.push_id,
        )
    )
    return found is not None


def mark_sent(session: Session, claim: PushClaim, *, note: str | None, now: datetime) -> bool:
    """SENDING to SENT; `note` is a warning of the receiver. Never commits."""
    return _change(
        session,
        claim,
        state=PushState.SENT,
        owner=None,
        sent_at=now,
        error_code=None,
        error_message=note,
    )


def hand_back(
    session: Session,
    claim: PushClaim,
    *,
    code: str,
    message: str,
    run_after: datetime | None,
) -> bool:
    """SENDING to PENDING until `run_after`, or to FAILED without one. Never commits."""
    values = {"owner": None, "error_code": code, "error_message": message}
    if run_after is None:
        return _change(session, claim, state=PushState.FAILED, **values)
    return _change(session, claim, state=PushState.PENDING, run_after=run_after, **values)


def _change(session: Session, claim: PushClaim, **values: object) -> bool:
    changed = session.scalar(
        update(Push)
        .where(
            Push.id == claim.push_id,
            Push.fence == claim.fence,
            Push.owner == claim.owner,
            Push.state == PushState.SENDING,
        )
        .values(**values)
        .returning(Push.id)
        .execution_options(synchronize_session=False)
    )
    return changed is not None


def defer(session: Session, destination: str, *, until: datetime) -> None:
    """Make all waiting pushes to a destination that does not answer wait longer. Never commits."""
    session.execute(
        update(Push)
        .where(
            Push.destination == destination,
            Push.state == PushState.PENDING,
            Push.run_after < until,
        )
        .values(run_after=until)
        .execution_options(synchronize_session=False)
    )


def abandoned(*, now: datetime) -> ColumnElement[bool]:
    """Pushes whose sender is gone: a worker that is not in the table `worker`, or a command whose
    time is over.
    """
    by_hand = Push.owner.startswith(BY_HAND)
    dead = ~by_hand & Push.owner.not_in(select(Worker.name))
    return (Push.state == PushState.SENDING) & (dead | (by_hand & (Push.run_after <= now)))


def take_back(session: Session, *, now: datetime, owner: str | None = None) -> list[int]:
    """Pushes whose sender is gone wait again, and those of `owner`, who says that it sends nothing
    just now. Returns their ids. Never commits.

    What was sent just before its sender died may so be sent once more, as the same instance.
    """
    gone = abandoned(now=now)
    if owner is not None:
        gone |= (Push.state == PushState.SENDING) & (Push.owner == owner)
    return list(
        session.scalars(
            update(Push)
            .where(gone)
            .values(
                state=PushState.PENDING,
                owner=None,
                run_after=now,
                error_code="sender_lost",
                error_message="the sender ended before it wrote down what came of it",
            )
            .returning(Push.id)
            .execution_options(synchronize_session=False)
        )
    )


def retry(session: Session, push_id: int | None, *, now: datetime) -> int:
    """Send at once what failed or waits: one push, or all. Returns how many. Never commits."""
    waits = Push.state.in_((PushState.FAILED, PushState.PENDING))
    found = session.scalars(
        update(Push)
        .where(waits if push_id is None else waits & (Push.id == push_id))
        .values(state=PushState.PENDING, run_after=now, attempt=0)
        .returning(Push.id)
        .execution_options(synchronize_session=False)
    ).all()
    return len(found)


def give_up(session: Session, push_id: int) -> bool:
    """PENDING to FAILED: a person says that it need not be sent. Never commits."""
    changed = session.scalar(
        update(Push)
        .where(Push.id == push_id, Push.state == PushState.PENDING)
        .values(state=PushState.FAILED, error_code="given_up", error_message="given up by hand")
        .returning(Push.id)
        .execution_options(synchronize_session=False)
    )
    return changed is not None
