"""Which errors mean that the database is away."""

import psycopg
import pytest
import sqlalchemy.exc as sa

from db.trouble import is_database_away

INVALIDATED = sa.ProgrammingError("SELECT", {}, psycopg.ProgrammingError())
INVALIDATED.connection_invalidated = True


@pytest.mark.parametrize(
    "error",
    [
        sa.OperationalError("SELECT", {}, psycopg.OperationalError("server closed")),
        sa.InterfaceError("SELECT", {}, psycopg.InterfaceError("the connection is closed")),
        sa.DisconnectionError(),
        sa.TimeoutError(),
        INVALIDATED,
    ],
)
def test_a_database_that_could_not_be_asked_is_away(error: Exception) -> None:
    assert is_database_away(error)


@pytest.mark.parametrize(
    "error",
    [
        sa.IntegrityError("INSERT", {}, psycopg.IntegrityError()),
        sa.ProgrammingError("SELECT", {}, psycopg.ProgrammingError()),
        OSError("Connection refused"),
        ValueError(),
    ],
)
def test_a_database_that_refuses_a_statement_is_not_away(error: Exception) -> None:
    assert not is_database_away(error)
