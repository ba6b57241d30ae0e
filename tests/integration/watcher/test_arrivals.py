"""What becomes of files in the inbox, on both databases and the test's own clock."""

import shutil
from pathlib import Path

import pytest

from db.intake.fingerprint import Fingerprint
from db.tables.tables import FileStatus, JobState
from metseg.disk import spool_path
from tests.helpers.invariants import check_invariants
from tests.integration.watcher.small_instances import instance_bytes, write_slices
from tests.integration.watcher.watcher_site import WatcherSite, folder_state, sha
from watcher.intake import intake
from watcher.intake.spooling import Copied, MovedError, copy_in
from watcher.reading.header_pass import HeaderPass
from watcher.scan.ledger import GONE

INGESTED, IGNORED, QUARANTINED = (
    FileStatus.INGESTED,
    FileStatus.IGNORED,
    FileStatus.QUARANTINED,
)
PENDING, CANCELLED = JobState.PENDING, JobState.CANCELLED


def holds(site: WatcherSite) -> bool:
    """All that must hold when all has ended."""
    with site.sessions() as session:
        check_invariants(
            session, results_dir=site.settings.results_dir, spool_dir=site.settings.spool_dir
        )
    return True


def test_a_study_is_taken_in_once_it_has_settled(site: WatcherSite) -> None:
    paths = write_slices(site.inbox / "a", "S", range(4))
    with site.watching() as watcher:
        site.pass_time(watcher, 3)
        assert site.revisions() == []
        assert watcher.view().studies_waiting[0].n_files == 4
        site.pass_time(watcher, 3)
        assert watcher.idle
        assert watcher.view().taken_in == 1
    assert site.revisions() == [sha(*paths)]
    assert site.jobs() == [PENDING]
    assert site.statuses() == {INGESTED}
    assert holds(site)


def test_the_spool_holds_the_bytes_of_a_study_and_the_inbox_is_untouched(site: WatcherSite) -> None:
    paths = write_slices(site.inbox / "a", "S", range(3))
    (site.inbox / "notes.txt").write_text("x")
    before = folder_state(site.inbox)
    site.take_in()
    assert folder_state(site.inbox) == before
    for path in paths:
        (sha256,) = sha(path)
        assert spool_path(site.settings.spool_dir, sha256).read_bytes() == path.read_bytes()


def test_a_restarted_watcher_reads_no_file_again_and_makes_no_job(
    site: WatcherSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_slices(site.inbox / "a", "S", range(3))
    (site.inbox / "a" / "broken.dcm").write_bytes(instance_bytes("S", 9)[:-5])
    (site.inbox / "a" / "text.txt").write_text("x")
    site.take_in()
    before = site.files()
    reads: list[Path] = []
    monkeypatch.setattr(HeaderPass, "read", lambda _, path: reads.append(path))
    site.take_in()
    assert reads == []
    assert site.files() == before
    assert site.jobs() == [PENDING]


def test_a_study_that_grows_with_short_pauses_is_one_snapshot(site: WatcherSite) -> None:
    with site.watching() as watcher:
        for number in range(5):
            write_slices(site.inbox / "a", "S", range(number, number + 1))
            site.pass_time(watcher, 2)
        assert site.revisions() == []
        site.pass_time(watcher)
    assert len(site.revisions()) == 1
    assert len(site.revisions()[0]) == 5


def test_late_slices_make_revision_two_and_a_new_job(site: WatcherSite) -> None:
    with site.watching() as watcher:
        first = write_slices(site.inbox / "a", "S", range(3))
        site.pass_time(watcher)
        late = write_slices(site.inbox / "late", "S", range(3, 5))
        site.pass_time(watcher)
    assert site.revisions() == [sha(*first), sha(*first, *late)]
    assert site.jobs() == [CANCELLED, PENDING]
    assert holds(site)


def test_a_file_that_leaves_the_inbox_removes_nothing_from_its_study(site: WatcherSite) -> None:
    first = write_slices(site.inbox / "a", "S", range(3))
    whole = sha(*first)
    site.take_in()
    first[0].unlink()
    site.take_in()
    assert site.revisions() == [whole]
    late = write_slices(site.inbox / "a", "S", range(3, 4))
    site.take_in()
    assert site.revisions() == [whole, whole | sha(*late)]


def test_the_same_study_in_another_folder_makes_no_job(site: WatcherSite) -> None:
    write_slices(site.inbox / "a", "S", range(3))
    site.take_in()
    shutil.copytree(site.inbox / "a", site.inbox / "copy" / "deep")
    with site.watching() as watcher:
        site.pass_time(watcher)
        assert watcher.view().known == 1
    assert len(site.revisions()) == 1
    assert site.jobs() == [PENDING]
    assert site.statuses() == {INGESTED}
    assert len(site.files()) == 6
    assert holds(site)


def test_a_study_spread_over_folders_waits_for_its_last_file(site: WatcherSite) -> None:
    with site.watching() as watcher:
        one = write_slices(site.inbox / "a", "S", range(2))
        site.pass_time(watcher, 3)
        two = write_slices(site.inbox / "b", "S", range(2, 4))
        site.pass_time(watcher, 3)
        assert site.revisions() == []
        site.pass_time(watcher)
    assert site.revisions() == [sha(*one, *two)]


def test_two_studies_in_one_folder_are_two(site: WatcherSite) -> None:
    write_slices(site.inbox, "S", range(2))
    for number in range(2):
        (site.inbox / f"t{number}").write_bytes(instance_bytes("T", number))
    site.take_in()
    assert [len(revision) for revision in site.revisions("S") + site.revisions("T")] == [2, 2]


def test_an_overwritten_file_replaces_its_bytes_in_revision_two(site: WatcherSite) -> None:
    paths = write_slices(site.inbox / "a", "S", range(3))
    first = sha(*paths)
    site.take_in()
    paths[1].write_bytes(instance_bytes("S", 1, fill=9))
    site.take_in()
    assert site.revisions() == [first, sha(*paths)]
    assert holds(site)


def test_new_bytes_of_an_instance_beside_the_old_quarantine_the_series_and_nothing_else(
    site: WatcherSite,
) -> None:
    first = write_slices(site.inbox / "a", "S", range(2))
    site.take_in()
    (site.inbox / "b").mkdir()
    (site.inbox / "b" / "other.dcm").write_bytes(instance_bytes("S", 1, fill=9))
    (site.inbox / "b" / "late.dcm").write_bytes(instance_bytes("S", 2))
    second = write_slices(site.inbox / "b", "S", range(2), series="second")
    site.take_in()
    assert site.revisions() == [sha(*first), sha(*first, *second)]
    refused = {path for path, (status, _) in site.files().items() if status is QUARANTINED}
    assert refused == {"b/other.dcm", "b/late.dcm"}
    assert "sop_conflict" in str(site.files()["b/late.dcm"][1])
    site.take_in()  # what the disputed files left in the spool is swept
    assert holds(site)


def test_two_contents_of_one_instance_at_once_quarantine_the_series(site: WatcherSite) -> None:
    write_slices(site.inbox / "a", "S", range(2))
    write_slices(site.inbox / "b", "S", range(1), fill=9)
    good = write_slices(site.inbox / "c", "S", range(2), series="second")
    site.take_in()
    assert site.revisions() == [sha(*good)]
    assert (
        sorted(status for status, _ in site.files().values()) == [INGESTED] * 2 + [QUARANTINED] * 3
    )


def test_a_replaced_file_is_taken_after_the_old_one_is_gone(site: WatcherSite) -> None:
    (old,) = write_slices(site.inbox / "a", "S", range(1))
    before = sha(old)
    site.take_in()
    old.unlink()
    new = write_slices(site.inbox / "b", "S", range(1), fill=9)
    site.take_in()
    assert site.revisions() == [before, sha(*new)]


def test_a_broken_file_among_good_ones_is_quarantined_with_its_reason(site: WatcherSite) -> None:
    good = write_slices(site.inbox / "a", "S", range(3))
    (site.inbox / "a" / "cut.dcm").write_bytes(instance_bytes("S", 7)[:-50])
    (site.inbox / "a" / "large.dcm").write_bytes(b"\0" * 1_000_001)
    (site.inbox / "a" / "text.txt").write_text("x")
    (site.inbox / "a" / "own.dcm").write_bytes(
        instance_bytes("S", 8, Modality="SEG", Manufacturer="metseg")
    )
    site.take_in()
    assert site.revisions() == [sha(*good)]
    files = site.files()
    reasons = {path.removeprefix("a/"): (status, str(why)) for path, (status, why) in files.items()}
    assert reasons["cut.dcm"][0] is QUARANTINED
    assert reasons["cut.dcm"][1].startswith("dicom_truncated")
    assert reasons["large.dcm"] == (
        QUARANTINED,
        "too_large: a file must have at most 1000000 bytes, got 1000001",
    )
    assert reasons["text.txt"][0] is IGNORED
    assert reasons["own.dcm"] == (IGNORED, "own_result: metseg wrote it")


def test_a_file_allocated_first_and_filled_later_is_taken_when_it_is_whole(
    site: WatcherSite,
) -> None:
    content = instance_bytes("S", 0)
    path = site.inbox / "im.dcm"
    with site.watching() as watcher:
        path.write_bytes(b"\0" * len(content))
        site.pass_time(watcher)
        assert site.files()["im.dcm"][0] is IGNORED
        path.write_bytes(content)
        site.pass_time(watcher)
    assert site.revisions() == [sha(path)]


def test_a_truncated_file_that_is_completed_later_is_taken_then(site: WatcherSite) -> None:
    whole = write_slices(site.inbox / "a", "S", range(2))
    path, content = whole[1], whole[1].read_bytes()
    path.write_bytes(content[:-20])
    with site.watching() as watcher:
        site.pass_time(watcher, 8)
        assert site.files()["a/im0001.dcm"][0] is QUARANTINED
        path.write_bytes(content)
        site.pass_time(watcher)
    assert site.revisions() == [sha(whole[0]), sha(*whole)]
    assert site.statuses() == {INGESTED}


def test_a_marker_ends_the_wait_for_a_study(site: WatcherSite) -> None:
    write_slices(site.inbox / "a", "S", range(3))
    write_slices(site.inbox / "b", "T", range(3))
    (site.inbox / "a" / ".metseg-complete").touch()
    with site.watching(quiet_s=20.0) as watcher:
        site.pass_time(watcher, 3)
        assert len(site.revisions("S")) == 1
        assert site.revisions("T") == []
        site.pass_time(watcher, 20)
        assert len(site.revisions("T")) == 1
        assert site.files()["a/.metseg-complete"] == (IGNORED, "marker")
        write_slices(site.inbox / "a", "S", range(3, 4))
        site.pass_time(watcher, 10)
        assert len(site.revisions("S")) == 1  # an old marker says nothing of new files


def test_a_file_that_leaves_before_it_is_taken_in_is_closed_and_taken_when_it_returns(
    site: WatcherSite,
) -> None:
    (path,) = write_slices(site.inbox, "S", range(1))
    away = site.home / "away.dcm"
    with site.watching() as watcher:
        site.pass_time(watcher, 2)
        path.rename(away)
        site.pass_time(watcher, 2)
        assert site.files()[path.name] == (IGNORED, GONE)
        assert watcher.idle
        away.rename(path)
        site.pass_time(watcher)
    assert site.statuses() == {INGESTED}


def test_hostile_names_are_taken_and_no_name_reaches_the_log(
    site: WatcherSite, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    folder = site.inbox / "CANARY^PATIENT" / ("x" * 200) / ("y" * 200) / ("z" * 250) / ("w" * 250)
    write_slices(folder, "S", range(2))
    raw = bytes(site.inbox) + b"/CANARY\xff\n;drop table.dcm"
    Path(raw.decode("utf-8", "surrogateescape")).write_bytes(instance_bytes("S", 2))
    (site.inbox / "CANARY-broken.dcm").write_bytes(instance_bytes("S", 3)[:-9])
    site.take_in()
    assert [len(revision) for revision in site.revisions()] == [3]
    assert "study 1, revision 1: 3 files" in caplog.text
    assert "CANARY" not in caplog.text
    assert holds(site)


def test_a_study_that_moves_while_it_is_copied_does_not_hold_up_those_taken_in_with_it(
    site: WatcherSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("S0", "S1", "S2")
    paths = {name: write_slices(site.inbox / name, name, range(2)) for name in names}

    def moved(source: Path, expected: Fingerprint, target: Path) -> Copied:
        if source == paths["S1"][1]:
            raise MovedError
        return copy_in(source, expected, target)

    monkeypatch.setattr(intake, "copy_in", moved)
    with site.watching() as watcher:
        site.pass_time(watcher)
        assert [site.revisions(name) for name in names] == [
            [sha(*paths["S0"])],
            [],
            [sha(*paths["S2"])],
        ]
        monkeypatch.undo()
        site.pass_time(watcher)
        assert watcher.idle
    assert site.revisions("S1") == [sha(*paths["S1"])]
    assert site.leftovers() == []
    assert holds(site)
