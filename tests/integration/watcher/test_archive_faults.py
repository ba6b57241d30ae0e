"""Archives while things happen to them, to the child that unpacks them, and to the disk."""

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
from tests.integration.watcher.desk import Desk, sha
from tests.integration.watcher.test_arrivals import holds
from tests.integration.watcher.tiny import slices, write_slices
from watcher.archives import archives
from watcher.intake.spooling import sweep
from watcher.scan.ledger import GONE
from watcher.watch import Watcher

pytestmark = pytest.mark.usefixtures("patience")

IGNORED, QUARANTINED = FileStatus.IGNORED, FileStatus.QUARANTINED


def step_slowly(desk: Desk, watcher: Watcher) -> None:
    """A step, and so much time that a slow child may end."""
    watcher.step()
    desk.now += 1.0
    time.sleep(0.2)


@pytest.fixture
def slow_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Unpacking waits while this file is there, and no step waits for it."""
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
    plain_desk: Desk, slow_child: Path
) -> None:
    desk = plain_desk
    (desk.inbox / "a.zip").write_bytes(zip_of(slices(range(2))))
    good = write_slices(desk.inbox / "good", "G", range(2))
    with desk.watching() as watcher:
        desk.pass_time(watcher, 8)
        assert desk.revisions("G") == [sha(*good)]
        assert desk.revisions("S") == []
        assert not watcher.idle
        slow_child.unlink()
        while not watcher.idle:
            step_slowly(desk, watcher)
    assert [len(one) for one in desk.revisions()] == [2]
    assert desk.left_over() == []


def test_an_archive_that_changes_or_vanishes_while_it_is_unpacked_is_dropped(
    plain_desk: Desk, slow_child: Path
) -> None:
    desk = plain_desk
    for name in ("a.zip", "b.zip"):
        (desk.inbox / name).write_bytes(zip_of(slices(range(2))))
    with desk.watching() as watcher:
        desk.pass_time(watcher)
        (desk.inbox / "a.zip").write_bytes(zip_of(slices(range(3))))
        (desk.inbox / "b.zip").unlink()
        desk.pass_time(watcher, 1)
        slow_child.unlink()
        while not watcher.idle:
            step_slowly(desk, watcher)
    assert [len(one) for one in desk.revisions()] == [3]
    assert desk.files()["b.zip"] == (IGNORED, GONE)
    assert desk.left_over() == []


def test_an_archive_that_takes_too_long_is_refused(plain_desk: Desk, slow_child: Path) -> None:
    desk = plain_desk
    (desk.inbox / "a.zip").write_bytes(zip_of(slices(range(2))))
    with desk.watching() as watcher:
        watcher._arrivals.archives._pass.time_limit_s = 0.2
        desk.pass_time(watcher)
        while not watcher.idle:
            step_slowly(desk, watcher)
    assert str(desk.files()["a.zip"][1]).startswith("archive_timeout: ")
    assert desk.left_over() == []


@pytest.mark.parametrize("times", [1, 2])
def test_unpacking_by_a_child_that_is_killed_is_tried_again_once(
    plain_desk: Desk, slow_child: Path, times: int
) -> None:
    desk = plain_desk
    (desk.inbox / "a.zip").write_bytes(zip_of(slices(range(2))))
    with desk.watching() as watcher:
        for _ in range(times):
            while (pid := watcher._arrivals.archives._pass._child.pid) is None:
                desk.pass_time(watcher, 1)
            os.kill(pid, signal.SIGKILL)
            while watcher._arrivals.archives._pass._child.pid == pid:
                step_slowly(desk, watcher)
        slow_child.unlink()
        while not watcher.idle:
            step_slowly(desk, watcher)
    status, reason = desk.files()["a.zip"]
    if times == 1:
        assert [len(one) for one in desk.revisions()] == [2]
        assert status is IGNORED
    else:
        assert status is QUARANTINED
        assert str(reason).startswith("archive_crash: ")
    assert desk.left_over() == []


def test_an_archive_for_which_there_is_no_space_waits_for_it(
    plain_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = plain_desk
    (desk.inbox / "a.zip").write_bytes(zip_of(slices(range(2))))
    with desk.watching() as watcher:
        watcher._arrivals.archives._pass.min_free_bytes = 1 << 60
        desk.pass_time(watcher, 6)
        assert DiskFullError.code in str(watcher.paused_reason)
        assert desk.files()["a.zip"][0] is FileStatus.SETTLED
        watcher._arrivals.archives._pass.min_free_bytes = 0
        monkeypatch.setattr(archives, "free_bytes", lambda _: 1 << 61)
        desk.pass_time(watcher)
        assert watcher.paused_reason is None
    assert [len(one) for one in desk.revisions()] == [2]


def test_unpacked_files_that_vanish_are_unpacked_again(plain_desk: Desk) -> None:
    desk = plain_desk
    (desk.inbox / "a.zip").write_bytes(zip_of(slices(range(2))))
    with desk.watching() as watcher:
        desk.pass_time(watcher, 4)
        assert len(desk.left_over()) > 2
        assert sweep(desk.settings.spool_dir, lambda _: set()) == 0  # it holds the spool's lock
        shutil.rmtree(desk.settings.spool_dir / "tmp")
        desk.pass_time(watcher, 12)
        assert watcher.idle
    assert [len(one) for one in desk.revisions()] == [2]
    assert holds(desk)


def test_a_study_of_an_archive_that_is_still_there_runs_again_with_new_weights(
    plain_desk: Desk,
) -> None:
    desk = plain_desk
    (desk.inbox / "a.zip").write_bytes(zip_of(slices(range(2))))
    (desk.inbox / "b.zip").write_bytes(zip_of(slices(range(2), "T")))
    desk.take_in()
    (desk.inbox / "b.zip").unlink()
    desk.key = type(desk.key)("fake-2", desk.key.settings_digest)
    desk.take_in()
    assert sorted(desk.jobs()) == [JobState.CANCELLED, JobState.PENDING, JobState.PENDING]
