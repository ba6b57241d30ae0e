"""What is wrong with the database, in words: which one, and whether it is away, unknown or empty.

The text of a driver's error is only searched, never shown: it can hold statements and their values.
"""

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    DisconnectionError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from metseg.errors import ConfigurationError

SHAPE = "postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE or sqlite:////PATH"
POSTGRESQL_PORT = 5432

_SAID = (
    # (parts of what libpq, PostgreSQL or SQLite say, in lower case; what it means)
    (("connection refused",), "it refuses the connection: the server does not run there"),
    (
        ("resolve host", "translate host name", "name or service not known"),
        "there is no host of this name",
    ),
    (("timeout expired", "timed out", "no route to host", "unreachable"), "it does not answer"),
    (
        ("password", "role", "pg_hba.conf"),
        "it does not let this user in: look at name and password",
    ),
    (("too many", "remaining connection slots"), "it takes no more connections now"),
    (("starting up", "shutting down"), "it is starting or shutting down"),
    (("no such table", "no such column", "undefined"), "it is not migrated: run `metseg migrate`"),
    (("not a database", "malformed"), "the file is damaged, or not a SQLite database"),
    (("unable to open",), "the file cannot be opened: look at the folder and its rights"),
    (("readonly",), "the file cannot be written to"),
    (("locked",), "another program keeps it locked"),
    (("disk is full", "no space"), "its disk is full"),
)
_SQLSTATES = {
    "3D000": "there is no database of this name: make it (createdb)",
    "28P01": "it does not let this user in: look at name and password",
    "28000": "it does not let this user in: look at name and password",
    "42P01": "it is not migrated: run `metseg migrate`",
    "42703": "it is not migrated: run `metseg migrate`",
    "42501": "this user may not do this in it",
}
"""PostgreSQL's own codes (its manual, appendix A)."""


def database_address(url: str | URL) -> URL:
    """The URL in parts, of a kind of database that metseg knows and whose driver is installed.

    Raises
    ------
    ConfigurationError
        It is not such a URL. The message does not repeat it: it may hold a password.
    """
    try:
        parsed = make_url(url)
        parsed.get_dialect().import_dbapi()
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError):
        raise ConfigurationError(
            f"METSEG_DATABASE_URL must be {SHAPE}, got another kind of URL"
        ) from None
    return parsed


def database_place(url: str | URL) -> str:
    """Which database it is: name, host and port, or the file. Never user or password.

    Raises as `database_address`.
    """
    parsed = database_address(url)
    if parsed.get_backend_name() == "sqlite":
        return f"SQLite {parsed.database or 'in memory'}"
    host = parsed.host or parsed.query.get("host", "this computer")
    port = parsed.port or parsed.query.get("port", POSTGRESQL_PORT)
    return f"database {parsed.database or 'without name'} on {host}, port {port}"


def is_database_away(error: BaseException) -> bool:
    """Whether the database could not be asked, as opposed to having refused what we said."""
    if isinstance(error, OperationalError | InterfaceError | DisconnectionError | PoolTimeoutError):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


def database_trouble(error: Exception, url: str) -> str:
    """What an error of SQLAlchemy or of the driver means, with the database's place."""
    return f"{database_place(url)}: {_meaning(error)}"


def _meaning(error: Exception) -> str:
    if isinstance(error, PoolTimeoutError):
        return "all connections to it are in use"
    origin = getattr(error, "orig", None) or error
    if (code := getattr(origin, "sqlstate", None)) in _SQLSTATES:
        return _SQLSTATES[str(code)]
    said = str(origin).lower()
    if "database" in said and "does not exist" in said:  # psycopg gives no code while it connects
        return _SQLSTATES["3D000"]
    for parts, meaning in _SAID:
        if any(part in said for part in parts):
            return meaning
    return f"it does not answer as it should ({type(error).__name__})"
