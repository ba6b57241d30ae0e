"""Third-party data beside the checkout: ../shared/data, read and never copied from there."""

import os
from pathlib import Path

import pytest

from tests.helpers.places import ROOT

DATA = ROOT.parent / "shared" / "data"


def require_data(name: str) -> Path:
    """Path of ``../shared/data/<name>``. If it is absent the test is skipped with that
    reason, or fails where METSEG_REQUIRE_DATA=1, as in CI.
    """
    path = DATA / name
    if path.exists():
        return path
    reason = f"needs ../shared/data/{name}, which is not there"
    if os.environ.get("METSEG_REQUIRE_DATA") == "1":
        pytest.fail(f"{reason}, and METSEG_REQUIRE_DATA=1", pytrace=False)
    pytest.skip(reason)
