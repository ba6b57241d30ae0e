"""Whether a worker or watcher of this host makes progress: for health checks of containers.

A process that merely exists proves nothing. Its row in the table `worker` must beat while we look,
and so must the jobs that it runs.
"""

import socket
import time
from collections.abc import Callable

from sqlalchemy.orm import Session, sessionmaker

from db import jobs, processes
from db.session import make_engine, read_only, session_factory
from db.tables.tables import Role
from metseg.processes import parse_owner
from metseg.settings import Settings

LOOK_S = 0.25
Look = dict[str, tuple[int, frozenset[tuple[int, int, int]]]]
"""By process name: its beat, and job, fence and heartbeat of what it runs."""


def unhealthy_reason(
    settings: Settings, role: Role, *, host: str | None = None, within_s: float | None = None
) -> str | None:
    """Why the process of this role on this host is not healthy; None if it is.

    Watches it for at most `within_s`, by default two and a half beats.
    """
    engine = make_engine(settings.database)
    try:
        return _watch(
            session_factory(engine),
            role,
            host or socket.gethostname(),
            within_s=within_s or 2.5 * _beat_s(settings, role),
        )
    finally:
        engine.dispose()


def _beat_s(settings: Settings, role: Role) -> float:
    return settings.beat_s if role is Role.WORKER else max(settings.beat_s, settings.reconcile_s)


def _watch(
    sessions: sessionmaker[Session],
    role: Role,
    host: str,
    *,
    within_s: float,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> str | None:
    end = clock() + within_s
    first = _look(sessions, role, host)
    while clock() < end:
        sleep(LOOK_S)
        if progressing(first, _look(sessions, role, host)):
            return None
    known = "its heartbeat stands still" if first else "it is not registered"
    return f"{role.value} on {host}: {known} for {within_s:.1f} s"


def progressing(first: Look, second: Look) -> bool:
    """Whether any process beat between the looks, and each job that it ran in both beat too.
    Pure.
    """
    return any(
        name in first and beat != first[name][0] and not (running & first[name][1])
        for name, (beat, running) in second.items()
    )


def _look(sessions: sessionmaker[Session], role: Role, host: str) -> Look:
    with sessions.begin() as session:
        read_only(session)
        rows = [row for row in processes.live(session, role) if row.host == host]
        leases = jobs.running_leases(session)
    held: dict[str, set[tuple[int, int, int]]] = {row.name: set() for row in rows}
    for lease in leases:
        owner = parse_owner(lease.owner)
        if owner is not None and owner.worker in held:
            held[owner.worker].add((lease.job_id, lease.fence, lease.hb_seq))
    return {row.name: (row.beat, frozenset(held[row.name])) for row in rows}
