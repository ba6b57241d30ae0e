"""The packages that a result was made with."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from types import MappingProxyType

PACKAGES = ("metseg", "keras", "tensorflow", "numpy", "pydicom", "highdicom")
"""Packages whose versions are recorded with each result."""


@cache
def package_versions() -> Mapping[str, str]:
    """Installed versions of the packages that shape a result."""
    return MappingProxyType({name: version(name) for name in PACKAGES})
