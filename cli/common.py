"""What the commands share: settings, consoles, exit codes, access to the database."""

import enum
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from db.session import make_engine, session_factory
from db.trouble import database_trouble
from db.upgrade import require_current
from imaging.choice.rules import rules_in_force
from metseg.errors import ConfigurationError, MetsegError
from metseg.logs import setup_logging
from metseg.settings import Settings

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home", help="Folder of the database, the spool and the results. Default: METSEG_HOME."
    ),
]


class ExitCode(enum.IntEnum):
    """Exit codes of the commands. 2 is Typer's own, for wrong usage."""

    OK = 0
    FAILED = 1
    """A job failed, a check is not ok, or nothing was found."""
    SETUP = 3
    """A setting, the database, the weights or the broker is at fault: nothing was tried."""


class Format(enum.StrEnum):
    """Format of what a command prints."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def load_settings(home: Path | None = None, **overrides: object) -> Settings:
    """Read the settings, and set the environment so that child processes read the same ones.

    Ends the program with `ExitCode.SETUP` when a setting is not valid: the message names it.
    """
    if home is not None:
        os.environ["METSEG_HOME"] = str(home.expanduser().absolute())
    for name, value in overrides.items():
        if value is not None:
            os.environ[f"METSEG_{name.upper()}"] = str(value)
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            where = "_".join(str(part) for part in problem["loc"]).upper()
            named = f"setting METSEG_{where}" if where else "settings"
            message = problem["msg"].removeprefix("Value error, ")
            err.print(f"[red]{named}[/]: {escape(message)}", soft_wrap=True)
        raise typer.Exit(ExitCode.SETUP) from None
    _check_series_rules(settings)
    setup_logging(level=settings.log_level, style=settings.log_format)
    return settings


def _check_series_rules(settings: Settings) -> None:
    try:
        rules_in_force(settings.series_rules)
    except ConfigurationError as error:
        err.print(f"[red]setting METSEG_SERIES_RULES[/]: {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(ExitCode.SETUP) from None


@contextmanager
def edge(settings: Settings | None = None) -> Iterator[None]:
    """Turn errors of metseg and of the database into a line on stderr and an exit code.

    `settings` are given where a command uses the database: messages then say which one.
    """
    try:
        yield
    except MetsegError as error:
        err.print(f"[red]{error.code}[/]: {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(ExitCode.SETUP) from None
    except SQLAlchemyError as error:
        if settings is None:
            raise
        trouble = database_trouble(error, settings.database)
        err.print(f"[red]database[/]: {escape(trouble)}", soft_wrap=True)
        raise typer.Exit(ExitCode.SETUP) from None


@contextmanager
def open_database(settings: Settings) -> Iterator[sessionmaker[Session]]:
    """Sessions on a database that exists and is migrated.

    Raises
    ------
    ConfigurationError
        It does not exist yet, or is of another version.
    """
    file = settings.home_dir / "metseg.sqlite3"
    if settings.database_url is None and not file.exists():
        raise ConfigurationError(
            f"no database at {settings.home_dir} yet: `metseg run` makes it; --home names another"
            " folder, like that of the demo"
        )
    engine = make_engine(settings.database)
    try:
        require_current(engine)
        yield session_factory(engine)
    finally:
        engine.dispose()


@contextmanager
def database(settings: Settings) -> Iterator[Session]:
    """One session on a database that exists and is migrated; commits unless the block raises."""
    with open_database(settings) as sessions, sessions.begin() as session:
        yield session
