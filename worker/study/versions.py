"""The packages that a result was made with."""

from functools import cache
from importlib.metadata import version

PACKAGES = ("metseg", "keras", "tensorflow", "numpy", "pydicom", "highdicom")
"""Packages whose versions are recorded with each result."""

_version = cache(version)  # it reads a file of the package each time


def package_versions() -> dict[str, str]:
    """Installed versions of the packages that shape a result."""
    return {name: _version(name) for name in PACKAGES}
