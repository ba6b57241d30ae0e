"""Whether training is part of this installation: the container image leaves it out."""

from importlib.util import find_spec

from metseg.errors import ConfigurationError

# The package, and what only it imports (pyproject.toml, extra `training`).
_NEEDED = ("training", "h5py")


def require_training() -> None:
    """Refuse a command that trains or draws heads where that cannot be done.

    Raises
    ------
    ConfigurationError
        `training`, or a package that only it needs, is not installed.
    """
    if any(find_spec(name) is None for name in _NEEDED):
        raise ConfigurationError(
            "training is not part of this installation: pip install 'metseg[training]', "
            "or use a checkout"
        )
