"""Our networks beside other people's code. `make crosscheck` installs that code; without it these
tests skip with the reason.
"""

import os
from importlib.util import find_spec

import pytest

if not os.environ.get("METSEG_REQUIRE_CROSSCHECK"):
    for _package in ("torch", "monai", "jax"):
        if find_spec(_package) is None:
            pytest.skip(f"{_package} is not installed: make crosscheck", allow_module_level=True)
