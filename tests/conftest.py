"""Fixtures for everyone: private servers, and databases on both of them.

`database_url` is an empty database, `migrated_url` one with our schema; both run a test twice,
on SQLite and on PostgreSQL.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from db.session import make_engine, session_factory
from db.upgrade import migrate
from tests.helpers.servers.services import PostgresServer, RedisServer

ON_BOTH = [
    pytest.param("sqlite", id="sqlite"),
    pytest.param("postgresql", id="postgresql", marks=pytest.mark.services),
]


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A redis-server of this test alone: `.url .flush() .kill() .restart() .drop_connections()`."""
    server = RedisServer()
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """Broker URL of a private redis-server."""
    return redis_server.url


@pytest.fixture(scope="session")
def _postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture
def postgres_server(_postgres: PostgresServer) -> PostgresServer:
    """The run's private PostgreSQL, alive: a test may kill it, the next one finds it restarted."""
    if not _postgres.answers():
        _postgres.restart()
    return _postgres


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """SQLAlchemy URL of an empty database on the private PostgreSQL."""
    return postgres_server.new_database()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """SQLAlchemy URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'metseg.sqlite3'}"


@pytest.fixture(params=ON_BOTH)
def backend(request: pytest.FixtureRequest) -> str:
    """sqlite, then postgresql: whatever asks for this, or for what follows, runs on both."""
    return str(request.param)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, backend: str) -> str:
    """SQLAlchemy URL of an empty database, on both."""
    name = "sqlite_url" if backend == "sqlite" else "postgres_url"
    return str(request.getfixturevalue(name))


@pytest.fixture(scope="session")
def _migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "metseg.sqlite3"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def _migrated_postgres(_postgres: PostgresServer) -> str:
    url = _postgres.new_database()
    migrate(url)
    return url.rpartition("/")[2]


@pytest.fixture
def migrated_url(request: pytest.FixtureRequest, backend: str) -> str:
    """SQLAlchemy URL of a database with our schema, on both: a copy of one migrated once."""
    if backend == "sqlite":
        url = str(request.getfixturevalue("sqlite_url"))
        template = request.getfixturevalue("_migrated_sqlite")
        shutil.copyfile(template, url.removeprefix("sqlite:///"))
        return url
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.new_database(template=request.getfixturevalue("_migrated_postgres"))


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    """An engine on `migrated_url`."""
    made = make_engine(migrated_url)
    try:
        yield made
    finally:
        made.dispose()


@pytest.fixture
def sessions(engine: Engine) -> sessionmaker[Session]:
    """Makes sessions on `migrated_url`: `with sessions.begin() as session:`."""
    return session_factory(engine)
