"""Faults of archives, of the child that unpacks them, and of the disk."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from db.tables.tables import FileStatus, JobState
from metseg.errors import DiskFullError
from tests.helpers.dicom.archives import zip_of
from tests.helpers.places import ROOT
from tests.integration.watcher.small_instances import slices, write_slices
from tests.integration.watcher.test_arrivals import holds
from tests.integration.watcher.watcher_site import WatcherSite, sha
from watcher.archives import archives
from watcher.intake.spooling import sweep
from watcher.scan.ledger import GONE
from watcher.watch import Watcher

pytestmark = pytest.mark.usefixtures("wait_for_child")

IGNORED, QUARANTINED = FileStatus.IGNORED, FileStatus.QUARANTINED


def step_slowly(site: WatcherSite, watcher: Watcher) -> None:
    """A step, and enough time for a slow child to end."""
    watcher.step()
    site.now += 1.0
    time.sleep(0.2)


@pytest.fixture
def slow_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Unpacking waits while this file exists, and no step waits for it."""
    hold = tmp_path / "hold"
    hold.touch()
    (tmp_path / "sitecustomize.py").write_text(
        "import time, pathlib, sys\n"
        "if 'watcher.archives.unpack_child' in sys.orig_argv:\n"
        f"    while pathlib.Path({str(hold)!r}).exists():\n        time.sleep(0.02)\n"
    )
    here = str(ROOT)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{here}")
    monkeypatch.setattr(archives, "WAIT_S", 0.05)
    return hold


def test_other_studies_are_taken_in_while_an_archive_is_unpacked(
    sqlite_site: WatcherSite, slow_child: Path
) -> None:
    site = sqlite_site
    (site.inbox / "a.zip").write_bytes(zip_of(slices(range(2))))
    good = write_slices(site.inbox / "good", "G", range(2))
    with site.watching() as watcher:
        site.pass_time(watcher, 8)
        assert site.revisions("G") == [sha(*good)]
        assert site.revisions("S") == []
        assert not watcher.idle
        slow_child.unlink()
        while not watcher.idle:
            step_slowly(site, watcher)
    assert [len(one) for one in site.revisions()] == [2]
    assert site.leftovers() == []


def test_an_archive_that_changes_or_vanishes_while_it_is_unpacked_is_dropped(
    sqlite_site: WatcherSite, slow_child: Path
) -> None:
    site = sqlite_site
    for name in ("a.zip", "b.zip"):
        (site.inbox / name).write_bytes(zip_of(slices(range(2))))
    with site.watching() as watcher:
        site.pass_time(watcher)
        (site.inbox / "a.zip").write_bytes(zip_of(slices(range(3))))
        (site.inbox / "b.zip").unlink()
        site.pass_time(watcher, 1)
        slow_child.unlink()
        while not watcher.idle:
            step_slowly(site, watcher)
    assert [len(one) for one in site.revisions()] == [3]
    assert site.files()["b.zip"] == (IGNORED, GONE)
    assert site.leftovers() == []


def test_an_archive_that_takes_too_long_is_refused(
    sqlite_site: WatcherSite, slow_child: Path
) -> None:
    site = sqlite_site
    (site.inbox / "a.zip").write_bytes(zip_of(slices(range(2))))
    with site.watching() as watcher:
        watcher._arrivals.archives._pass.time_limit_s = 0.2
        site.pass_time(watcher)
        while not watcher.idle:
            step_slowly(site, watcher)
    assert str(site.files()["a.zip"][1]).startswith("archive_timeout: ")
    assert site.leftovers() == []


@pytest.mark.parametrize("times", [1, 2])
def test_unpacking_by_a_child_that_is_killed_is_tried_again_once(
    sqlite_site: WatcherSite, slow_child: Path, times: int
) -> None:
    site = sqlite_site
    (site.inbox / "a.zip").write_bytes(zip_of(slices(range(2))))
    with site.watching() as watcher:
        for _ in range(times):
            while (pid := watcher._arrivals.archives._pass._child.pid) is None:
                site.pass_time(watcher, 1)
            os.kill(pid, signal.SIGKILL)
            while watcher._arrivals.archives._pass._child.pid == pid:
                step_slowly(site, watcher)
        slow_child.unlink()
        while not watcher.idle:
            step_slowly(site, watcher)
    status, reason = site.files()["a.zip"]
    if times == 1:
        assert [len(one) for one in site.revisions()] == [2]
        assert status is IGNORED
    else:
        assert status is QUARANTINED
        assert str(reason).startswith("archive_crash: ")
    assert site.leftovers() == []


def test_an_archive_for_which_there_is_no_space_waits_for_it(
    sqlite_site: WatcherSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = sqlite_site
    (site.inbox / "a.zip").write_bytes(zip_of(slices(range(2))))
    with site.watching() as watcher:
        watcher._arrivals.archives._pass.min_free_bytes = 1 << 60
        site.pass_time(watcher, 6)
        assert DiskFullError.code in str(watcher.paused_reason)
        assert site.files()["a.zip"][0] is FileStatus.SETTLED
        watcher._arrivals.archives._pass.min_free_bytes = 0
        monkeypatch.setattr(archives, "free_bytes", lambda _: 1 << 61)
        site.pass_time(watcher)
        assert watcher.paused_reason is None
    assert [len(one) for one in site.revisions()] == [2]


def test_unpacked_files_that_vanish_are_unpacked_again(sqlite_site: WatcherSite) -> None:
    site = sqlite_site
    (site.inbox / "a.zip").write_bytes(zip_of(slices(range(2))))
    with site.watching() as watcher:
        site.pass_time(watcher, 4)
        assert len(site.leftovers()) > 2
        assert sweep(site.settings.spool_dir, lambda _: set()) == 0  # it holds the spool's lock
        shutil.rmtree(site.settings.spool_dir / "tmp")
        site.pass_time(watcher, 12)
        assert watcher.idle
    assert [len(one) for one in site.revisions()] == [2]
    assert holds(site)


def test_a_study_of_an_archive_that_is_still_there_runs_again_with_new_weights(
    sqlite_site: WatcherSite,
) -> None:
    site = sqlite_site
    (site.inbox / "a.zip").write_bytes(zip_of(slices(range(2))))
    (site.inbox / "b.zip").write_bytes(zip_of(slices(range(2), "T")))
    site.take_in()
    (site.inbox / "b.zip").unlink()
    site.key = type(site.key)("fake-2", site.key.settings_digest)
    site.take_in()
    assert sorted(site.jobs()) == [JobState.CANCELLED, JobState.PENDING, JobState.PENDING]
