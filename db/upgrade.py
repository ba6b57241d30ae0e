"""Schema migrations, from inside the installed package."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, String, column, func, inspect, select, table, text

from db.session import make_engine
from db.trouble import database_place
from metseg.errors import ConfigurationError

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION = table("alembic_version", column("version_num", String))
"""Where Alembic writes down the revision."""
LOCK = 0x6D657473
"""Key of the PostgreSQL advisory lock that two migrating processes meet at ("mets")."""


def migrate(url: str) -> None:
    """Bring the database to the newest revision. One that is there already does not change.

    One transaction: all of it or nothing. If two processes start at once, the second waits.

    Raises
    ------
    ConfigurationError
        A newer metseg made the database.
    """
    _run(url, lambda config: command.upgrade(config, "head"))


def downgrade(url: str, revision: str) -> None:
    """Go back to a revision, or with "base" to nothing. Loses what the newer ones hold."""
    _run(url, lambda config: command.downgrade(config, revision))


def write_revision(message: str) -> None:
    """Write the next migration: what the tables have and the newest revision lacks. For developers;
    read it before you commit it.
    """
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/newest.sqlite3"
        migrate(url)
        _run(url, lambda config: command.revision(config, message, autogenerate=True))


def head_revision() -> str:
    """The revision that this version of metseg needs."""
    revision = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    if revision is None:
        raise ConfigurationError(f"migrations must be in {MIGRATIONS}, found none")
    return revision


def current_revision(engine: Engine) -> str | None:
    """The revision of a database. None when it is empty. Writes nothing, waits for no writer."""
    with engine.connect().execution_options(metseg_read_only=True) as connection:
        return _revision(connection)


def require_current(engine: Engine) -> None:
    """Raise ConfigurationError unless the database has the revision that we need."""
    current, needed = current_revision(engine), head_revision()
    _refuse_newer(current)
    if current != needed:
        state = f"it is at {current}" if current else "it is empty, at none"
        raise ConfigurationError(
            f"{database_place(engine.url)} must be at revision {needed}, {state}:"
            " run `metseg migrate`"
        )


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION.name):
        return None
    return connection.scalar(select(VERSION.c.version_num))


def _refuse_newer(current: str | None) -> None:
    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    if current is not None and current not in known:
        raise ConfigurationError(
            f"the database must be of revision {head_revision()} or older, it is at {current}:"
            " a newer metseg made it, install that one"
        )


def _run(url: str, step: Callable[[Config], object]) -> None:
    engine = make_engine(url)
    try:
        with engine.begin() as connection:
            # SQLite has the write lock since BEGIN IMMEDIATE.
            if connection.dialect.name == "postgresql":
                # An index of a large table takes longer than any statement of a daemon.
                connection.execute(text("SET LOCAL statement_timeout = 0"))
                connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
            _refuse_newer(_revision(connection))
            step(_config(connection))
    finally:
        engine.dispose()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
