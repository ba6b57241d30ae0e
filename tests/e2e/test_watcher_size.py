"""The watcher stays small: it never loads a network or an image library."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from db.tables.tables import Job
from tests.e2e.site import ROOT, Site
from tests.integration.watcher.small_instances import write_slices

LIMIT_MB = 150
HEAVY = ("cv2", "keras", "tensorflow", "torch", "highdicom", "nibabel", "scipy")

PROBE = """
import json, sys, threading
from pathlib import Path
from metseg.settings import Settings
from watcher.service import run_watcher
settings = Settings()
run_watcher(settings, inbox=settings.inbox, stop=threading.Event(), once=True)
print(json.dumps([name for name in sys.modules if "." not in name]))
"""


@pytest.fixture
def site(tmp_path: Path, sqlite_url: str) -> Site:
    made = Site(tmp_path, sqlite_url)
    made.extra |= {"QUIET_S": "0.3", "SCAN_INTERVAL_S": "0.1"}
    return made


@pytest.mark.parametrize("ensemble", ["standard", "tests.helpers.fakes:ThresholdEnsemble"])
def test_a_watcher_that_took_studies_in_has_loaded_no_large_library(
    site: Site, ensemble: str
) -> None:
    site.extra["ENSEMBLE"] = ensemble
    write_slices(site.inbox / "a", "S", range(3))
    answer = subprocess.run(
        [sys.executable, "-c", PROBE],
        env=site.environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    site.close()
    assert answer.returncode == 0, answer.stderr
    loaded = set(json.loads(answer.stdout))
    assert "sqlalchemy" in loaded
    assert loaded.isdisjoint(HEAVY), loaded & set(HEAVY)
    assert "celery" not in loaded  # there is no broker


def _jobs(site: Site) -> int:
    with site.sessions() as session:
        return session.scalar(select(func.count(Job.id))) or 0


@pytest.mark.parametrize("broker", [None, "redis://:x@127.0.0.1:1/0"])
def test_a_watcher_of_a_large_inbox_stays_under_its_limit(site: Site, broker: str | None) -> None:
    site.broker_url = broker
    for folder in range(20):
        (site.inbox / f"ward{folder}").mkdir()
        for number in range(500):
            (site.inbox / f"ward{folder}" / f"scan{number:06d}.txt").touch()
    write_slices(site.inbox / "a", "S", range(30))
    watcher = site.watcher()
    try:
        site.until(lambda: _jobs(site) == 1, "the study is taken in", seconds=120)
        processes = watcher.everything()
        megabytes = [process.memory_info().rss / 1e6 for process in processes]
    finally:
        site.close()
    assert sum(megabytes) < LIMIT_MB, megabytes
