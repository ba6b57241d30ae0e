"""Engines and sessions. Callers own transactions; one engine a process, made in the child."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.orm import Session, sessionmaker

from db.trouble import database_address

BUSY_S = 30.0
"""How long a SQLite writer waits for another before it gives up."""
STATEMENT_MS = 60_000
"""No statement of metseg takes a minute: one that does hangs on a lock or a dead network."""
IDLE_MS = 15_000
"""PostgreSQL ends a transaction whose client stood still this long: a process that was stopped
between two statements would keep its locks, and nobody could take its job back.
"""

SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
)


def make_engine(url: str) -> Engine:
    """An engine for SQLite or PostgreSQL with the settings of docs/reliability.md.

    Connects to nothing, but makes the folder of a SQLite file. Raises `ConfigurationError` where
    the URL is not of a kind that metseg knows.
    """
    parsed = database_address(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        return _serialised_writes(create_engine(parsed, connect_args={"timeout": BUSY_S}))
    return create_engine(
        parsed,
        pool_pre_ping=True,
        pool_size=3,
        connect_args={
            "connect_timeout": 10,
            "options": f"-c statement_timeout={STATEMENT_MS}"
            f" -c idle_in_transaction_session_timeout={IDLE_MS} -c timezone=UTC",
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
        },
    )


def session_factory(engine: Engine) -> sessionmaker[Session]:
    """Makes sessions: `with sessions.begin() as session:` is one transaction."""
    return sessionmaker(engine, expire_on_commit=False)


def read_only(session: Session) -> Session:
    """Promise that this session only reads, before its first statement.

    A write in it fails. On SQLite it takes no write lock and waits for no writer.
    """
    session.connection(execution_options={"metseg_read_only": True, "postgresql_readonly": True})
    return session


def _serialised_writes(engine: Engine) -> Engine:
    """BEGIN IMMEDIATE, so that a transaction that will write never fails half-way on the lock.

    The recipe is SQLAlchemy's own: dialects/sqlite, "Serializable isolation / Savepoints /
    Transactional DDL".
    """

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in SQLITE_PRAGMAS:
            connection.execute(pragma).close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("metseg_read_only", False)
        connection.exec_driver_sql(f"PRAGMA query_only={'ON' if reads else 'OFF'}")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine
