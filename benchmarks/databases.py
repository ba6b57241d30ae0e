"""The two databases that a benchmark may measure on, both with commits that survive a power cut."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"


@contextmanager
def empty_database(kind: str, place: Path) -> Iterator[str]:
    """URL of an empty database: a file in `place`, or on a private server that ends with the
    block.
    """
    # Here: a benchmark's measured process does without pytest.
    from tests.helpers.servers.services import PostgresServer

    if kind == SQLITE:
        yield f"sqlite:///{place / 'metseg.sqlite3'}"
        return
    server = PostgresServer(durable=True)
    try:
        yield server.start().new_database()
    finally:
        server.close()


def databases_here() -> list[str]:
    """The kinds that this machine can run."""
    from tests.helpers.servers.services import find_binary

    return [SQLITE] if find_binary("postgres") is None else [SQLITE, POSTGRESQL]
