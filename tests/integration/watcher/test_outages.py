"""Outages that end again: share, disk, database, weights, permissions."""

import logging
from pathlib import Path

import pytest
from sqlalchemy import event, select

from db.tables.tables import FileStatus, SourceFile, Worker
from db.upgrade import migrate
from metseg.errors import ConfigurationError, WeightsError
from tests.integration.watcher import watcher_site
from tests.integration.watcher.small_instances import instance_bytes, write_slices
from tests.integration.watcher.watcher_site import WatcherSite, sha
from watcher import arrivals, watch
from watcher.intake.intake import JobKey
from watcher.reading.header_pass import Header, HeaderPass, Refusal
from watcher.scan.tracker import FIRST_RETRY_S
from watcher.watch import Watcher


def paused(site: WatcherSite) -> str | None:
    """What the watcher's process row says."""
    with site.sessions() as session:
        return session.scalars(select(Worker.paused_reason)).one()


def at_rest(watcher: Watcher) -> bool:
    """Whether it is idle. A function, because mypy takes a property for constant between calls."""
    return watcher.idle


def test_a_share_that_vanishes_and_returns_changes_nothing(sqlite_site: WatcherSite) -> None:
    site = sqlite_site
    paths = write_slices(site.inbox / "a", "S", range(3))
    with site.watching() as watcher:
        site.pass_time(watcher)
        before = site.files()
        away = site.inbox.rename(site.home / "away")
        site.pass_time(watcher)
        assert not at_rest(watcher)
        assert "inbox_unreachable" in str(paused(site))
        away.rename(site.inbox)
        site.pass_time(watcher)
        assert at_rest(watcher)
        assert paused(site) is None
        assert site.files() == before
        site.inbox.rename(away)
        site.inbox.mkdir()  # the empty mount point of a share that is not mounted
        site.pass_time(watcher)
        assert site.files() == before
    assert site.revisions() == [sha(*(away / path.relative_to(site.inbox) for path in paths))]


def test_intake_pauses_below_the_free_space_and_goes_on_above(
    sqlite_site: WatcherSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = sqlite_site
    free = 999_000
    monkeypatch.setattr(arrivals, "free_bytes", lambda _: free)
    write_slices(site.inbox / "a", "S", range(3))
    (site.inbox / "broken").write_bytes(instance_bytes("S", 9)[:-3])
    with site.watching(min_free_mb=1) as watcher:
        site.pass_time(watcher)
        assert "disk_full" in str(paused(site))
        assert not at_rest(watcher)
        assert site.revisions() == []
        assert site.files()["broken"][0] is FileStatus.QUARANTINED  # the rest goes on
        free = 2_000_000
        site.pass_time(watcher)
        assert at_rest(watcher)
    assert len(site.revisions()) == 1


def test_a_study_too_large_for_the_disk_does_not_stop_a_smaller_one(
    sqlite_site: WatcherSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = sqlite_site
    monkeypatch.setattr(arrivals, "free_bytes", lambda _: 10_000)
    write_slices(site.inbox / "a", "large", range(1), side=100)
    write_slices(site.inbox / "b", "small", range(3))
    with site.watching() as watcher:
        site.pass_time(watcher)
    assert site.revisions("large") == []
    assert len(site.revisions("small")) == 1


def test_missing_weights_pause_intake_until_they_are_there(sqlite_site: WatcherSite) -> None:
    site = sqlite_site
    answers: list[JobKey | WeightsError] = [WeightsError("weights must be there, found none")] * 8
    answers.append(watcher_site.KEY)

    def ask(_: object) -> JobKey:
        answer = answers.pop(0)
        if isinstance(answer, WeightsError):
            raise answer
        return answer

    write_slices(site.inbox / "a", "S", range(3))
    watcher = Watcher(
        site.settings, inbox=site.inbox, clock=lambda: site.now, utc=site.utc, ask_key=ask
    )
    site.pass_time(watcher)
    assert "weights" in str(paused(site))
    assert site.revisions() == []
    site.pass_time(watcher, 10)
    watcher.close()
    assert len(site.revisions()) == 1


def test_a_database_that_is_not_migrated_yet_is_waited_for(
    sqlite_site: WatcherSite, tmp_path: Path
) -> None:
    site = sqlite_site
    write_slices(site.inbox / "a", "S", range(3))
    url = f"sqlite:///{tmp_path / 'late.sqlite3'}"
    with site.watching(database_url=url) as watcher:
        site.pass_time(watcher)
        assert "metseg migrate" in str(watcher.paused_reason)
        migrate(url)
        site.pass_time(watcher, 8)
        assert at_rest(watcher)
        assert watcher.view().taken_in == 1


def test_an_unreadable_file_is_quarantined_and_taken_when_it_can_be_read(
    sqlite_site: WatcherSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = sqlite_site
    paths = write_slices(site.inbox / "a", "S", range(3))
    shut = True
    read = HeaderPass.read

    def refuse(self: HeaderPass, path: Path) -> Header | Refusal:
        if shut and path == paths[2]:
            return Refusal("unreadable", "Permission denied", again=True)
        return read(self, path)

    monkeypatch.setattr(HeaderPass, "read", refuse)
    with site.watching() as watcher:
        site.pass_time(watcher)
        assert at_rest(watcher)
        reason = site.files()["a/im0002.dcm"]
        assert reason == (FileStatus.QUARANTINED, "unreadable: Permission denied")
        shut = False
        site.now += FIRST_RETRY_S
        site.pass_time(watcher)
    assert site.revisions() == [sha(*paths[:2]), sha(*paths)]


def test_a_file_that_changes_between_settling_and_copying_waits_again(
    sqlite_site: WatcherSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = sqlite_site
    paths = write_slices(site.inbox / "a", "S", range(3))
    monkeypatch.setattr(arrivals, "free_bytes", lambda _: grow())
    grown = False

    def grow() -> int:
        nonlocal grown
        if not grown:
            paths[1].write_bytes(instance_bytes("S", 1, fill=7))
        grown = True
        return 10**12

    with site.watching() as watcher:
        site.pass_time(watcher, 4)
        assert grown
        assert site.revisions() == []
        site.pass_time(watcher, 5)
    assert site.revisions() == [sha(*paths)]


def test_a_file_whose_study_changes_behind_its_fingerprint_goes_to_the_study_that_was_copied(
    sqlite_site: WatcherSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = sqlite_site
    paths = write_slices(site.inbox / "a", "S", range(3))
    read, lied = HeaderPass.read, False

    def lie_once(self: HeaderPass, path: Path) -> Header | Refusal:
        nonlocal lied
        header = read(self, path)
        if path == paths[2] and not lied:
            lied = True
            assert isinstance(header, Header)
            return Header("9.9.9", header.series, header.sop, header.modality)
        return header

    monkeypatch.setattr(HeaderPass, "read", lie_once)
    with site.watching() as watcher:
        site.pass_time(watcher, 10)
        assert watcher.idle
    assert site.revisions()[-1] == sha(*paths)
    assert site.statuses() == {FileStatus.INGESTED}


def test_a_scan_of_a_settled_inbox_does_not_query_the_database_about_files(
    sqlite_site: WatcherSite,
) -> None:
    site = sqlite_site
    for study in range(4):
        write_slices(site.inbox / str(study), f"S{study}", range(50))
    statements: list[str] = []
    with site.watching() as watcher:
        site.pass_time(watcher)
        assert watcher.view().taken_in == 4
        event.listen(
            watcher._engine,
            "before_cursor_execute",
            lambda _c, _u, statement, *_: statements.append(statement),
        )
        site.pass_time(watcher, 5)
    assert not [one for one in statements if SourceFile.__tablename__ in one]


def test_the_watcher_row_beats_with_the_loop_and_is_deleted_with_it(
    sqlite_site: WatcherSite,
) -> None:
    site = sqlite_site

    def beats() -> list[int]:
        with site.sessions() as session:
            return list(session.scalars(select(Worker.beat)))

    with site.watching() as watcher:
        site.pass_time(watcher, 1)
        first = beats()
        site.pass_time(watcher, 6)  # it beats every two seconds
        assert beats() == [first[0] + 3]
    assert beats() == []


def test_an_inbox_that_holds_folders_of_metseg_is_refused(sqlite_site: WatcherSite) -> None:
    with (
        pytest.raises(ConfigurationError, match="home must not be inside the inbox"),
        sqlite_site.watching(home=sqlite_site.inbox / "state"),
    ):
        pass


def test_a_fault_is_logged_once_and_so_is_its_end(
    sqlite_site: WatcherSite, caplog: pytest.LogCaptureFixture
) -> None:
    site = sqlite_site
    caplog.set_level(logging.INFO)
    with site.watching() as watcher:
        away = site.inbox.rename(site.home / "away")
        site.pass_time(watcher)
        away.rename(site.inbox)
        site.pass_time(watcher)
    told = [record.getMessage() for record in caplog.records if record.name == "watcher.watch"]
    assert len([line for line in told if "paused" in line]) == 1
    assert told[-1] == "inbox: goes on"


def test_an_empty_database_is_reported_again_every_minute(
    sqlite_site: WatcherSite, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site = sqlite_site
    url = f"sqlite:///{tmp_path / 'late.sqlite3'}"
    with site.watching(database_url=url) as watcher:
        site.pass_time(watcher, 150)
    told = [
        record.getMessage()
        for record in caplog.records
        if record.getMessage().startswith("inbox: paused")
    ]
    assert len(told) == 3  # at 0, 60 and 120 s
    assert f"SQLite {tmp_path / 'late.sqlite3'} must be at revision" in told[-1]
    assert "it is empty, at none: run `metseg migrate`" in told[-1]


def test_doorbells_ring_for_the_first_studies_while_others_are_taken_in(
    sqlite_site: WatcherSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = sqlite_site
    jobs_at_a_bell: list[int] = []
    monkeypatch.setattr(
        watch, "make_ringer", lambda _: lambda _job: jobs_at_a_bell.append(len(site.jobs()))
    )
    monkeypatch.setattr(arrivals, "FILES_AT_ONCE", 1)
    for study in range(6):
        write_slices(site.inbox / str(study), f"S{study}", range(2))

    def clock() -> float:
        """Time passes with every look at the clock."""
        site.now += 0.1
        return site.now

    watcher = Watcher(
        site.settings, inbox=site.inbox, clock=clock, utc=site.utc, ask_key=lambda _: site.key
    )
    while not at_rest(watcher):
        watcher.step()
    watcher.close()
    assert len(site.jobs()) == 6
    assert 0 < jobs_at_a_bell[0] < 6


def test_many_studies_at_once_leave_room_for_the_queue_between_them(
    sqlite_site: WatcherSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = sqlite_site
    monkeypatch.setattr(arrivals, "INTAKE_BUDGET_S", -1.0)
    monkeypatch.setattr(arrivals, "READ_BUDGET_S", 0.0)
    for study in range(2):
        write_slices(site.inbox / str(study), f"S{study}", range(2))
    with site.watching() as watcher:
        site.pass_time(watcher, 12)
        assert watcher.view().taken_in == 0
        assert not at_rest(watcher)
        monkeypatch.undo()
        site.pass_time(watcher, 3)
        assert at_rest(watcher)
    assert len(site.jobs()) == 2
