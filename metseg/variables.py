"""Environment variables that look like settings and are not: a misspelt one is reported."""

import difflib
import re
from collections.abc import Collection, Iterable

PREFIX = "METSEG_"

OTHERS = frozenset(
    {
        # docker-compose.yml and docker-compose.gpu.yml
        "METSEG_IMAGE",
        "METSEG_CUDA_IMAGE",
        "METSEG_GPUS",
        "METSEG_INBOX_PATH",
        "METSEG_INBOX_GID",
        "METSEG_STATE_PATH",
        "METSEG_WORKER_MEMORY",
        # the tests
        "METSEG_REQUIRE_DATA",
        "METSEG_REQUIRE_SERVICES",
        "METSEG_REQUIRE_CROSSCHECK",
    }
)
"""Variables of metseg that the programs themselves do not read."""

_SERVICE_LINK = re.compile(r"METSEG_(\w+_)?(SERVICE_(HOST|PORT)\w*|PORT(_\d+_(TCP|UDP|SCTP)\w*)?)")
"""What Kubernetes and Docker links set in containers beside a service that is called metseg."""


def unknown_variables(names: Iterable[str], known: Collection[str]) -> list[str]:
    """A line for each variable that begins with ``METSEG_`` and has no meaning, sorted by name.

    `known` are the settings, in lower case and without the prefix. Case does not matter, as when
    the settings are read. Values are neither read nor shown.
    """
    meant = {PREFIX + name.upper() for name in known}
    return [
        _line(name, meant)
        for name in sorted(names)
        if (full := name.upper()).startswith(PREFIX)
        and full not in meant | OTHERS
        and not _SERVICE_LINK.fullmatch(full)
    ]


def _line(name: str, meant: Collection[str]) -> str:
    nearest = difflib.get_close_matches(name.upper(), sorted(meant), n=1, cutoff=0.0)
    return f"{name} is not a setting; the nearest name is {nearest[0]}"
