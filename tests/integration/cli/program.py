"""The program as a user types it, with the fake ensemble and a home of its own."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.places import ROOT


@dataclass(frozen=True, slots=True)
class Program:
    """`metseg` with a home. `run` returns the output of the process and its exit code."""

    home: Path

    def run(self, arguments: Sequence[str], **settings: str) -> subprocess.CompletedProcess[str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("METSEG_")}
        fast = {
            "PYTHONPATH": str(ROOT),
            "METSEG_HOME": str(self.home),
            "METSEG_ENSEMBLE": "tests.helpers.fakes:ThresholdEnsemble",
            "METSEG_QUIET_S": "0.4",
            "METSEG_SCAN_INTERVAL_S": "0.2",
            "METSEG_LEASE_S": "5",
            "METSEG_MIN_FREE_MB": "0",
            "COLUMNS": "200",
        }
        chosen = {f"METSEG_{name.upper()}": value for name, value in settings.items()}
        return subprocess.run(
            [sys.executable, "-m", "metseg", *arguments],
            env=own | fast | chosen,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
