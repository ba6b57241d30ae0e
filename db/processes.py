"""Which processes are alive: for `metseg status`, health checks and the number of doorbells."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from db.tables.tables import Role, Worker
from db.upsert import upsert


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One process. It lives if `beat` grows; compare two looks on a monotonic clock of your own."""

    role: Role
    name: str
    host: str
    pid: int
    version: str
    beat: int
    started_at: datetime
    seen_at: datetime
    paused_reason: str | None
    device: str | None = None
    devices_left_out: str | None = None


def register(
    session: Session,
    *,
    role: Role,
    name: str,
    host: str,
    pid: int,
    version: str,
    now: datetime,
) -> None:
    """Say that this process has started. No other process has its `name`. Never commits."""
    values = {
        "role": role,
        "host": host,
        "pid": pid,
        "version": version,
        "beat": 0,
        "started_at": now,
        "seen_at": now,
        "paused_reason": None,
        "device": None,
        "devices_left_out": None,
    }
    session.execute(
        upsert(session, Worker)
        .values(name=name, **values)
        .on_conflict_do_update(index_elements=["name"], set_=values)
    )


def is_registered(session: Session, name: str) -> bool:
    """Whether the process of this name has a row."""
    return session.scalar(select(Worker.id).where(Worker.name == name)) is not None


def beat_process(
    session: Session,
    name: str,
    *,
    now: datetime,
    paused_reason: str | None = None,
    device: str | None = None,
    devices_left_out: str | None = None,
) -> bool:
    """Say that this process lives, why it takes no work just now (None: it does), and what it
    computes on.

    False when the row is gone: register again. Never commits.
    """
    found = session.scalar(
        update(Worker)
        .where(Worker.name == name)
        .values(
            beat=Worker.beat + 1,
            seen_at=now,
            paused_reason=paused_reason,
            device=device,
            devices_left_out=devices_left_out,
        )
        .returning(Worker.id)
        .execution_options(synchronize_session=False)
    )
    return found is not None


def forget(session: Session, name: str) -> None:
    """Remove a process that has ended. Never commits."""
    session.execute(
        delete(Worker).where(Worker.name == name).execution_options(synchronize_session=False)
    )


def live(session: Session, role: Role | None = None) -> list[ProcessRow]:
    """The processes that are registered, of one role or of all, by name."""
    query = select(
        Worker.role,
        Worker.name,
        Worker.host,
        Worker.pid,
        Worker.version,
        Worker.beat,
        Worker.started_at,
        Worker.seen_at,
        Worker.paused_reason,
        Worker.device,
        Worker.devices_left_out,
    ).order_by(Worker.name)
    if role is not None:
        query = query.where(Worker.role == role)
    return [ProcessRow(*row) for row in session.execute(query)]
