"""What is said of a database that is away, unknown, locked or empty. The password is `geheim`."""

import socket
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from db.session import make_engine
from db.trouble import database_place, database_trouble
from db.upgrade import require_current
from metseg.errors import ConfigurationError


def trouble(url: str, statement: str = "SELECT 1") -> str:
    """What is said when a query of this database fails."""
    engine = make_engine(url)
    try:
        with pytest.raises(SQLAlchemyError) as caught, engine.connect() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()
    return database_trouble(caught.value, url)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (
            "postgresql+psycopg://u:geheim@db.example:6543/scans",
            "database scans on db.example, port 6543",
        ),
        ("postgresql+psycopg://u:geheim@db/scans", "database scans on db, port 5432"),
        ("postgresql+psycopg://u:geheim@db?port=1", "database without name on db, port 1"),
        ("postgresql+psycopg:///scans?host=/run/pg", "database scans on /run/pg, port 5432"),
        ("sqlite:////a/b.sqlite3", "SQLite /a/b.sqlite3"),
        ("sqlite://", "SQLite in memory"),
    ],
)
def test_the_place_of_a_database_has_host_port_and_name_and_no_password(
    url: str, place: str
) -> None:
    assert database_place(url) == place


@pytest.mark.parametrize(
    "url",
    [
        "geheim",
        "",
        "postgres://u:geheim@db/scans",
        "mysql://u:geheim@db/scans",
        "oracle+nodriver://u:geheim@db/scans",
        "postgresql+psycopg://u:geheim@db:geheim/scans",
    ],
)
def test_a_database_url_of_another_kind_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match="METSEG_DATABASE_URL must be postgresql") as told:
        make_engine(url)
    assert "geheim" not in str(told.value)


def test_a_database_server_that_does_not_run_is_reported() -> None:
    port = free_port()
    told = trouble(f"postgresql+psycopg://u:geheim@127.0.0.1:{port}/scans")
    assert told == (
        f"database scans on 127.0.0.1, port {port}:"
        " it refuses the connection: the server does not run there"
    )


def test_a_database_host_that_does_not_exist_is_reported() -> None:
    told = trouble("postgresql+psycopg://u:geheim@no-such-host.invalid/scans")
    assert (
        told == "database scans on no-such-host.invalid, port 5432: there is no host of this name"
    )


@pytest.mark.services
def test_a_missing_database_is_distinguished_from_an_empty_one(postgres_url: str) -> None:
    missing = postgres_url.replace(database_place(postgres_url).split()[1], "nowhere")
    assert "there is no database of this name" in trouble(missing)
    assert "it is not migrated" in trouble(postgres_url, "SELECT * FROM study")


@pytest.mark.services
def test_an_unknown_database_user_is_reported(postgres_url: str) -> None:
    _, _, rest = postgres_url.partition("@")
    told = trouble(f"postgresql+psycopg://stranger:geheim@{rest}")
    assert "it does not let this user in" in told
    assert "geheim" not in told
    assert "stranger" not in told


def test_a_sqlite_file_that_is_empty_or_is_not_a_database_is_reported(tmp_path: Path) -> None:
    assert "it is not migrated" in trouble(f"sqlite:///{tmp_path / 'a.db'}", "SELECT * FROM study")
    (tmp_path / "b.db").write_bytes(b"no database " * 100)
    assert "not a SQLite database" in trouble(f"sqlite:///{tmp_path / 'b.db'}")
    (tmp_path / "c.db").mkdir()
    assert "the file cannot be opened" in trouble(f"sqlite:///{tmp_path / 'c.db'}")


def test_an_empty_database_is_reported_with_its_place_and_what_to_do(database_url: str) -> None:
    engine = make_engine(database_url)
    with pytest.raises(ConfigurationError) as told:
        require_current(engine)
    engine.dispose()
    assert str(told.value).startswith(f"{database_place(database_url)} must be at revision")
    assert "it is empty, at none: run `metseg migrate`" in str(told.value)
