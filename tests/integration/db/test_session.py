"""Engines, read-only sessions, and the rows of our processes."""

from datetime import timedelta, timezone

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from db import processes
from db.session import make_engine, read_only
from db.tables.tables import Role, Worker
from tests.helpers.rows import T0, later, new_job

Sessions = sessionmaker[Session]


def start(session: Session, name: str, role: Role = Role.WORKER) -> None:
    processes.register(session, role=role, name=name, host="h", pid=1, version="0.1.0", now=T0)


def test_sqlite_connections_are_set_up_to_lose_nothing(sqlite_url: str) -> None:
    engine = make_engine(sqlite_url)
    try:
        with engine.connect() as connection:
            read = [
                connection.execute(text(f"PRAGMA {name}")).scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            ]
    finally:
        engine.dispose()
    assert read == ["wal", 2, 1, 30_000]


def test_a_reader_does_not_wait_for_a_writer(sessions: Sessions) -> None:
    with sessions.begin() as writer:
        new_job(writer)
        with sessions() as reader:
            assert read_only(reader).scalar(text("SELECT count(*) FROM job")) == 0


def test_a_read_only_session_cannot_write_and_the_next_one_can(sessions: Sessions) -> None:
    with pytest.raises(DBAPIError, match=r"read-?only"), sessions.begin() as session:
        new_job(read_only(session))
    with sessions.begin() as session:
        new_job(session)


def test_a_time_in_another_zone_comes_back_in_utc(sessions: Sessions) -> None:
    tokyo = T0.astimezone(timezone(timedelta(hours=9)))
    with sessions.begin() as session:
        processes.register(
            session, role=Role.WATCHER, name="w", host="h", pid=1, version="1", now=tokyo
        )
    with sessions.begin() as session:
        found = session.scalars(select(Worker.seen_at)).one()
    assert found == T0
    assert found.utcoffset() == timedelta(0)


def test_a_process_row_beats_pauses_and_is_deleted(sessions: Sessions) -> None:
    with sessions.begin() as session:
        start(session, "w1")
        assert processes.beat_process(session, "w1", now=later(9), paused_reason="disk full")
        (row,) = processes.live(session, Role.WORKER)
        assert (row.beat, row.seen_at, row.paused_reason) == (1, later(9), "disk full")
        assert processes.beat_process(session, "w1", now=later(19))
        (row,) = processes.live(session)
        assert (row.beat, row.paused_reason) == (2, None)
        processes.forget(session, "w1")
        assert processes.live(session) == []
        assert not processes.beat_process(session, "w1", now=later(29))


def test_processes_are_listed_by_role(sessions: Sessions) -> None:
    with sessions.begin() as session:
        start(session, "b")
        start(session, "a")
        start(session, "a")
        start(session, "c", Role.WATCHER)
        assert [row.name for row in processes.live(session, Role.WORKER)] == ["a", "b"]
        assert len(processes.live(session)) == 3


@pytest.mark.services
def test_a_process_that_stops_in_a_transaction_gives_its_locks_back(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.session.IDLE_MS", 300)
    engine = make_engine(postgres_url)
    try:
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE seat (taken integer)"))
            connection.execute(text("INSERT INTO seat VALUES (0)"))
        stopped = engine.connect()
        stopped.execute(text("UPDATE seat SET taken = 1"))
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '10s'"))
            connection.execute(text("UPDATE seat SET taken = 2"))
        with pytest.raises(DBAPIError):
            stopped.execute(text("SELECT 1"))
        stopped.invalidate()
        stopped.close()
    finally:
        engine.dispose()
