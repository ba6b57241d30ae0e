"""Schema migrations, from inside the installed package."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, select

from db.session import make_engine
from metseg.errors import ConfigurationError

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 0x6D657473
"""Key of the PostgreSQL advisory lock that two migrating processes meet at ("mets")."""


def migrate(url: str) -> None:
    """Bring the database to the newest revision. One that is there already is left as it is.

    One transaction: all of it or nothing. Of two processes that start at once the second waits.
    """
    _run(url, lambda config: command.upgrade(config, "head"))


def downgrade(url: str, revision: str) -> None:
    """Go back to a revision, or with "base" to nothing. Loses what the newer ones hold."""
    _run(url, lambda config: command.downgrade(config, revision))


def head_revision() -> str:
    """The revision that this version of metseg needs."""
    revision = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    if revision is None:
        raise ConfigurationError(f"migrations must be in {MIGRATIONS}, found none")
    return revision


def current_revision(engine: Engine) -> str | None:
    """The revision of a database. None when it is empty."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def require_current(engine: Engine) -> None:
    """Raise ConfigurationError unless the database has the revision that we need."""
    current, needed = current_revision(engine), head_revision()
    if current != needed:
        raise ConfigurationError(
            f"the database must be at revision {needed}, it is at {current or 'none'}:"
            " run `metseg migrate`"
        )


def _run(url: str, step: Callable[[Config], None]) -> None:
    engine = make_engine(url)
    try:
        with engine.begin() as connection:
            # SQLite has the write lock since BEGIN IMMEDIATE.
            if connection.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
            step(_config(connection))
    finally:
        engine.dispose()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
