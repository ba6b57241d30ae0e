"""What becomes of what lies in the inbox, on both databases and a clock of the test's own."""

import shutil
from pathlib import Path

import pytest

from db.tables.tables import FileStatus, JobState
from metseg.disk import spool_path
from tests.helpers.invariants import check_invariants
from tests.integration.watcher.desk import Desk, portrait, sha
from tests.integration.watcher.tiny import instance_bytes, write_slices
from watcher.reading.header_pass import HeaderPass
from watcher.scan.ledger import GONE

INGESTED, IGNORED, QUARANTINED = (
    FileStatus.INGESTED,
    FileStatus.IGNORED,
    FileStatus.QUARANTINED,
)
PENDING, CANCELLED = JobState.PENDING, JobState.CANCELLED


def holds(desk: Desk) -> bool:
    """All that must hold when all has ended."""
    with desk.sessions() as session:
        check_invariants(
            session, results_dir=desk.settings.results_dir, spool_dir=desk.settings.spool_dir
        )
    return True


def test_a_study_is_taken_in_once_it_has_settled(desk: Desk) -> None:
    paths = write_slices(desk.inbox / "a", "S", range(4))
    with desk.watching() as watcher:
        desk.pass_time(watcher, 3)
        assert desk.revisions() == []
        assert watcher.view().studies_waiting[0].n_files == 4
        desk.pass_time(watcher, 3)
        assert watcher.idle
        assert watcher.view().taken_in == 1
    assert desk.revisions() == [sha(*paths)]
    assert desk.jobs() == [PENDING]
    assert desk.statuses() == {INGESTED}
    assert holds(desk)


def test_the_spool_holds_the_bytes_of_a_study_and_the_inbox_is_untouched(desk: Desk) -> None:
    paths = write_slices(desk.inbox / "a", "S", range(3))
    (desk.inbox / "notes.txt").write_text("x")
    before = portrait(desk.inbox)
    desk.take_in()
    assert portrait(desk.inbox) == before
    for path in paths:
        (sha256,) = sha(path)
        assert spool_path(desk.settings.spool_dir, sha256).read_bytes() == path.read_bytes()


def test_a_restarted_watcher_reads_no_file_again_and_makes_no_job(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_slices(desk.inbox / "a", "S", range(3))
    (desk.inbox / "a" / "broken.dcm").write_bytes(instance_bytes("S", 9)[:-5])
    (desk.inbox / "a" / "text.txt").write_text("x")
    desk.take_in()
    before = desk.files()
    reads: list[Path] = []
    monkeypatch.setattr(HeaderPass, "read", lambda _, path: reads.append(path))
    desk.take_in()
    assert reads == []
    assert desk.files() == before
    assert desk.jobs() == [PENDING]


def test_a_study_that_grows_with_short_pauses_is_one_snapshot(desk: Desk) -> None:
    with desk.watching() as watcher:
        for number in range(5):
            write_slices(desk.inbox / "a", "S", range(number, number + 1))
            desk.pass_time(watcher, 2)
        assert desk.revisions() == []
        desk.pass_time(watcher)
    assert len(desk.revisions()) == 1
    assert len(desk.revisions()[0]) == 5


def test_late_slices_make_revision_two_and_a_new_job(desk: Desk) -> None:
    with desk.watching() as watcher:
        first = write_slices(desk.inbox / "a", "S", range(3))
        desk.pass_time(watcher)
        late = write_slices(desk.inbox / "late", "S", range(3, 5))
        desk.pass_time(watcher)
    assert desk.revisions() == [sha(*first), sha(*first, *late)]
    assert desk.jobs() == [CANCELLED, PENDING]
    assert holds(desk)


def test_a_file_that_leaves_the_inbox_removes_nothing_from_its_study(desk: Desk) -> None:
    first = write_slices(desk.inbox / "a", "S", range(3))
    whole = sha(*first)
    desk.take_in()
    first[0].unlink()
    desk.take_in()
    assert desk.revisions() == [whole]
    late = write_slices(desk.inbox / "a", "S", range(3, 4))
    desk.take_in()
    assert desk.revisions() == [whole, whole | sha(*late)]


def test_the_same_study_in_another_folder_makes_no_job(desk: Desk) -> None:
    write_slices(desk.inbox / "a", "S", range(3))
    desk.take_in()
    shutil.copytree(desk.inbox / "a", desk.inbox / "copy" / "deep")
    with desk.watching() as watcher:
        desk.pass_time(watcher)
        assert watcher.view().known == 1
    assert len(desk.revisions()) == 1
    assert desk.jobs() == [PENDING]
    assert desk.statuses() == {INGESTED}
    assert len(desk.files()) == 6
    assert holds(desk)


def test_a_study_spread_over_folders_waits_for_its_last_file(desk: Desk) -> None:
    with desk.watching() as watcher:
        one = write_slices(desk.inbox / "a", "S", range(2))
        desk.pass_time(watcher, 3)
        two = write_slices(desk.inbox / "b", "S", range(2, 4))
        desk.pass_time(watcher, 3)
        assert desk.revisions() == []
        desk.pass_time(watcher)
    assert desk.revisions() == [sha(*one, *two)]


def test_two_studies_in_one_folder_are_two(desk: Desk) -> None:
    write_slices(desk.inbox, "S", range(2))
    for number in range(2):
        (desk.inbox / f"t{number}").write_bytes(instance_bytes("T", number))
    desk.take_in()
    assert [len(revision) for revision in desk.revisions("S") + desk.revisions("T")] == [2, 2]


def test_an_overwritten_file_replaces_its_bytes_in_revision_two(desk: Desk) -> None:
    paths = write_slices(desk.inbox / "a", "S", range(3))
    first = sha(*paths)
    desk.take_in()
    paths[1].write_bytes(instance_bytes("S", 1, fill=9))
    desk.take_in()
    assert desk.revisions() == [first, sha(*paths)]
    assert holds(desk)


def test_new_bytes_of_an_instance_beside_the_old_quarantine_the_series_and_nothing_else(
    desk: Desk,
) -> None:
    first = write_slices(desk.inbox / "a", "S", range(2))
    desk.take_in()
    (desk.inbox / "b").mkdir()
    (desk.inbox / "b" / "other.dcm").write_bytes(instance_bytes("S", 1, fill=9))
    (desk.inbox / "b" / "late.dcm").write_bytes(instance_bytes("S", 2))
    second = write_slices(desk.inbox / "b", "S", range(2), series="second")
    desk.take_in()
    assert desk.revisions() == [sha(*first), sha(*first, *second)]
    refused = {path for path, (status, _) in desk.files().items() if status is QUARANTINED}
    assert refused == {"b/other.dcm", "b/late.dcm"}
    assert "sop_conflict" in str(desk.files()["b/late.dcm"][1])
    desk.take_in()  # what the disputed files left in the spool is swept
    assert holds(desk)


def test_two_contents_of_one_instance_at_once_quarantine_the_series(desk: Desk) -> None:
    write_slices(desk.inbox / "a", "S", range(2))
    write_slices(desk.inbox / "b", "S", range(1), fill=9)
    good = write_slices(desk.inbox / "c", "S", range(2), series="second")
    desk.take_in()
    assert desk.revisions() == [sha(*good)]
    assert (
        sorted(status for status, _ in desk.files().values()) == [INGESTED] * 2 + [QUARANTINED] * 3
    )


def test_a_replaced_file_is_taken_after_the_old_one_is_gone(desk: Desk) -> None:
    (old,) = write_slices(desk.inbox / "a", "S", range(1))
    before = sha(old)
    desk.take_in()
    old.unlink()
    new = write_slices(desk.inbox / "b", "S", range(1), fill=9)
    desk.take_in()
    assert desk.revisions() == [before, sha(*new)]


def test_a_broken_file_among_good_ones_is_quarantined_with_its_reason(desk: Desk) -> None:
    good = write_slices(desk.inbox / "a", "S", range(3))
    (desk.inbox / "a" / "cut.dcm").write_bytes(instance_bytes("S", 7)[:-50])
    (desk.inbox / "a" / "large.dcm").write_bytes(b"\0" * 1_000_001)
    (desk.inbox / "a" / "text.txt").write_text("x")
    (desk.inbox / "a" / "own.dcm").write_bytes(
        instance_bytes("S", 8, Modality="SEG", Manufacturer="metseg")
    )
    desk.take_in()
    assert desk.revisions() == [sha(*good)]
    files = desk.files()
    reasons = {path.removeprefix("a/"): (status, str(why)) for path, (status, why) in files.items()}
    assert reasons["cut.dcm"][0] is QUARANTINED
    assert reasons["cut.dcm"][1].startswith("dicom_truncated")
    assert reasons["large.dcm"] == (
        QUARANTINED,
        "too_large: a file must have at most 1000000 bytes, got 1000001",
    )
    assert reasons["text.txt"][0] is IGNORED
    assert reasons["own.dcm"] == (IGNORED, "own_result: metseg wrote it")


def test_a_file_allocated_first_and_filled_later_is_taken_when_it_is_whole(desk: Desk) -> None:
    content = instance_bytes("S", 0)
    path = desk.inbox / "im.dcm"
    with desk.watching() as watcher:
        path.write_bytes(b"\0" * len(content))
        desk.pass_time(watcher)
        assert desk.files()["im.dcm"][0] is IGNORED
        path.write_bytes(content)
        desk.pass_time(watcher)
    assert desk.revisions() == [sha(path)]


def test_a_truncated_file_that_is_completed_later_is_taken_then(desk: Desk) -> None:
    whole = write_slices(desk.inbox / "a", "S", range(2))
    path, content = whole[1], whole[1].read_bytes()
    path.write_bytes(content[:-20])
    with desk.watching() as watcher:
        desk.pass_time(watcher, 8)
        assert desk.files()["a/im0001.dcm"][0] is QUARANTINED
        path.write_bytes(content)
        desk.pass_time(watcher)
    assert desk.revisions() == [sha(whole[0]), sha(*whole)]
    assert desk.statuses() == {INGESTED}


def test_a_marker_ends_the_wait_for_a_study(desk: Desk) -> None:
    write_slices(desk.inbox / "a", "S", range(3))
    write_slices(desk.inbox / "b", "T", range(3))
    (desk.inbox / "a" / ".metseg-complete").touch()
    with desk.watching(quiet_s=20.0) as watcher:
        desk.pass_time(watcher, 3)
        assert len(desk.revisions("S")) == 1
        assert desk.revisions("T") == []
        desk.pass_time(watcher, 20)
        assert len(desk.revisions("T")) == 1
        assert desk.files()["a/.metseg-complete"] == (IGNORED, "marker")
        write_slices(desk.inbox / "a", "S", range(3, 4))
        desk.pass_time(watcher, 10)
        assert len(desk.revisions("S")) == 1  # an old marker says nothing of new files


def test_a_file_that_leaves_before_it_is_taken_in_is_closed_and_taken_when_it_returns(
    desk: Desk,
) -> None:
    (path,) = write_slices(desk.inbox, "S", range(1))
    away = desk.home / "away.dcm"
    with desk.watching() as watcher:
        desk.pass_time(watcher, 2)
        path.rename(away)
        desk.pass_time(watcher, 2)
        assert desk.files()[path.name] == (IGNORED, GONE)
        assert watcher.idle
        away.rename(path)
        desk.pass_time(watcher)
    assert desk.statuses() == {INGESTED}


def test_hostile_names_are_taken_and_no_name_reaches_the_log(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    folder = desk.inbox / "CANARY^PATIENT" / ("x" * 200) / ("y" * 200) / ("z" * 250) / ("w" * 250)
    write_slices(folder, "S", range(2))
    raw = bytes(desk.inbox) + b"/CANARY\xff\n;drop table.dcm"
    Path(raw.decode("utf-8", "surrogateescape")).write_bytes(instance_bytes("S", 2))
    (desk.inbox / "CANARY-broken.dcm").write_bytes(instance_bytes("S", 3)[:-9])
    desk.take_in()
    assert [len(revision) for revision in desk.revisions()] == [3]
    assert "study 1, revision 1: 3 files" in caplog.text
    assert "CANARY" not in caplog.text
    assert holds(desk)
