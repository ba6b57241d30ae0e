"""Our own folders must not lie in the inbox: nothing is ever written there."""

from pathlib import Path

from metseg.errors import ConfigurationError
from metseg.settings import Settings


def check_places(settings: Settings, inbox: Path) -> None:
    """Refuse folders that lie in each other.

    Raises
    ------
    ConfigurationError
        Home, spool or results are inside the inbox, or the inbox is inside spool or results.
    """
    real = inbox.resolve()
    ours = {
        "home": settings.home_dir,
        "spool": settings.spool_dir,
        "results": settings.results_dir,
    }
    for name, folder in ours.items():
        if folder.resolve().is_relative_to(real):
            raise ConfigurationError(f"{name} must not be inside the inbox, got {folder}")
        if name != "home" and real.is_relative_to(folder.resolve()):
            raise ConfigurationError(f"inbox must not be inside {name}, got {inbox}")
