"""The packages that a result was made with."""

from importlib.metadata import version

PACKAGES = ("metseg", "keras", "tensorflow", "numpy", "pydicom", "highdicom")
"""Packages whose versions are recorded with each result."""


def package_versions() -> dict[str, str]:
    """Installed versions of the packages that shape a result."""
    return {name: version(name) for name in PACKAGES}
