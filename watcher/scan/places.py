"""metseg's own folders must not lie in the inbox: nothing is ever written there."""

from pathlib import Path

from db.trouble import database_address
from metseg.errors import ConfigurationError
from metseg.settings import Settings


def check_places(settings: Settings, inbox: Path) -> None:
    """Refuse folders that lie in each other.

    Raises
    ------
    ConfigurationError
        Home, spool, results or the SQLite file are inside the inbox, or the inbox is inside spool
        or results.
    """
    real = inbox.resolve()
    ours = {
        "home": settings.home_dir,
        "spool": settings.spool_dir,
        "results": settings.results_dir,
    }
    if (file := _sqlite_file(settings)) is not None and file.resolve().is_relative_to(real):
        raise ConfigurationError(f"the database must not be inside the inbox, got {file}")
    for name, folder in ours.items():
        if folder.resolve().is_relative_to(real):
            raise ConfigurationError(f"{name} must not be inside the inbox, got {folder}")
        if name != "home" and real.is_relative_to(folder.resolve()):
            raise ConfigurationError(f"inbox must not be inside {name}, got {inbox}")


def _sqlite_file(settings: Settings) -> Path | None:
    """The database of a user's own URL, where it is a file."""
    if settings.database_url is None:
        return None
    url = database_address(settings.database)
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(str(url.database)).absolute() if is_file else None
