"""How long to search: `make fuzz` about a minute, `make fuzz EFFORT=long` an hour or two.

The short search is the same each time, so that no change fails by somebody else's chance.
"""

from collections.abc import Iterator
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

import pytest
from hypothesis import HealthCheck, settings

GROWTH_MB = 500

COMMON = settings(deadline=None, suppress_health_check=list(HealthCheck))
settings.register_profile("short", COMMON, max_examples=200, derandomize=True, database=None)
settings.register_profile("long", COMMON, max_examples=10_000, print_blob=True)
if settings.get_current_profile_name() == "default":  # pytest called by hand
    settings.load_profile("short")


@pytest.fixture(scope="module", autouse=True)
def memory_stays() -> Iterator[None]:
    """No file found here may cost much memory in this process or in a child."""
    before = getrusage(RUSAGE_SELF).ru_maxrss
    yield
    assert getrusage(RUSAGE_SELF).ru_maxrss - before < GROWTH_MB * 1000
    assert getrusage(RUSAGE_CHILDREN).ru_maxrss < GROWTH_MB * 1000
