"""What is away and comes back: share, disk, database, weights, rights."""

import logging
from pathlib import Path

import pytest
from sqlalchemy import event, select

from db.tables.tables import FileStatus, Job, JobState, SourceFile, Worker
from db.upgrade import migrate
from metseg.errors import ConfigurationError, WeightsError
from tests.integration.watcher import desk as desks
from tests.integration.watcher.desk import Desk, sha
from tests.integration.watcher.tiny import instance_bytes, write_slices
from watcher import arrivals
from watcher.intake.intake import JobKey
from watcher.reading.header_pass import Header, HeaderPass, Refusal
from watcher.scan.tracker import FIRST_RETRY_S
from watcher.watch import Watcher


def paused(desk: Desk) -> str | None:
    """What the watcher's process row says."""
    with desk.sessions() as session:
        return session.scalars(select(Worker.paused_reason)).one()


def at_rest(watcher: Watcher) -> bool:
    """Whether it is idle: it changes between calls, which mypy does not think of a property."""
    return watcher.idle


def test_a_share_that_vanishes_and_returns_changes_nothing(plain_desk: Desk) -> None:
    desk = plain_desk
    paths = write_slices(desk.inbox / "a", "S", range(3))
    with desk.watching() as watcher:
        desk.pass_time(watcher)
        before = desk.files()
        away = desk.inbox.rename(desk.home / "away")
        desk.pass_time(watcher)
        assert not at_rest(watcher)
        assert "inbox_unreachable" in str(paused(desk))
        away.rename(desk.inbox)
        desk.pass_time(watcher)
        assert at_rest(watcher)
        assert paused(desk) is None
        assert desk.files() == before
        desk.inbox.rename(away)
        desk.inbox.mkdir()  # the empty mount point of a share that is not mounted
        desk.pass_time(watcher)
        assert desk.files() == before
    assert desk.revisions() == [sha(*(away / path.relative_to(desk.inbox) for path in paths))]


def test_intake_pauses_below_the_free_space_and_goes_on_above(
    plain_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = plain_desk
    free = 999_000
    monkeypatch.setattr(arrivals, "free_bytes", lambda _: free)
    write_slices(desk.inbox / "a", "S", range(3))
    (desk.inbox / "broken").write_bytes(instance_bytes("S", 9)[:-3])
    with desk.watching(min_free_mb=1) as watcher:
        desk.pass_time(watcher)
        assert "disk_full" in str(paused(desk))
        assert not at_rest(watcher)
        assert desk.revisions() == []
        assert desk.files()["broken"][0] is FileStatus.QUARANTINED  # the rest goes on
        free = 2_000_000
        desk.pass_time(watcher)
        assert at_rest(watcher)
    assert len(desk.revisions()) == 1


def test_a_study_too_large_for_the_disk_does_not_stop_a_smaller_one(
    plain_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = plain_desk
    monkeypatch.setattr(arrivals, "free_bytes", lambda _: 10_000)
    write_slices(desk.inbox / "a", "large", range(1), side=100)
    write_slices(desk.inbox / "b", "small", range(3))
    with desk.watching() as watcher:
        desk.pass_time(watcher)
    assert desk.revisions("large") == []
    assert len(desk.revisions("small")) == 1


def test_missing_weights_pause_intake_until_they_are_there(plain_desk: Desk) -> None:
    desk = plain_desk
    answers: list[JobKey | WeightsError] = [WeightsError("weights must be there, found none")] * 8
    answers.append(desks.KEY)

    def ask(_: object) -> JobKey:
        answer = answers.pop(0)
        if isinstance(answer, WeightsError):
            raise answer
        return answer

    write_slices(desk.inbox / "a", "S", range(3))
    watcher = Watcher(
        desk.settings, inbox=desk.inbox, clock=lambda: desk.now, utc=desk.utc, ask_key=ask
    )
    desk.pass_time(watcher)
    assert "weights" in str(paused(desk))
    assert desk.revisions() == []
    desk.pass_time(watcher, 10)
    watcher.close()
    assert len(desk.revisions()) == 1


def test_a_database_that_is_not_migrated_yet_is_waited_for(
    plain_desk: Desk, tmp_path: Path
) -> None:
    desk = plain_desk
    write_slices(desk.inbox / "a", "S", range(3))
    url = f"sqlite:///{tmp_path / 'late.sqlite3'}"
    with desk.watching(database_url=url) as watcher:
        desk.pass_time(watcher)
        assert "metseg migrate" in str(watcher.paused_reason)
        migrate(url)
        desk.pass_time(watcher, 8)
        assert at_rest(watcher)
        assert watcher.view().taken_in == 1


def test_an_unreadable_file_is_quarantined_and_taken_when_it_can_be_read(
    plain_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = plain_desk
    paths = write_slices(desk.inbox / "a", "S", range(3))
    shut = True
    read = HeaderPass.read

    def refuse(self: HeaderPass, path: Path) -> Header | Refusal:
        if shut and path == paths[2]:
            return Refusal("unreadable", "Permission denied", again=True)
        return read(self, path)

    monkeypatch.setattr(HeaderPass, "read", refuse)
    with desk.watching() as watcher:
        desk.pass_time(watcher)
        assert at_rest(watcher)
        reason = desk.files()["a/im0002.dcm"]
        assert reason == (FileStatus.QUARANTINED, "unreadable: Permission denied")
        shut = False
        desk.now += FIRST_RETRY_S
        desk.pass_time(watcher)
    assert desk.revisions() == [sha(*paths[:2]), sha(*paths)]


def test_a_file_that_changes_between_settling_and_copying_waits_again(
    plain_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = plain_desk
    paths = write_slices(desk.inbox / "a", "S", range(3))
    monkeypatch.setattr(arrivals, "free_bytes", lambda _: grow())
    grown = False

    def grow() -> int:
        nonlocal grown
        if not grown:
            paths[1].write_bytes(instance_bytes("S", 1, fill=7))
        grown = True
        return 10**12

    with desk.watching() as watcher:
        desk.pass_time(watcher, 4)
        assert grown
        assert desk.revisions() == []
        desk.pass_time(watcher, 5)
    assert desk.revisions() == [sha(*paths)]


def test_a_file_whose_study_changes_behind_its_fingerprint_goes_to_the_study_that_was_copied(
    plain_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = plain_desk
    paths = write_slices(desk.inbox / "a", "S", range(3))
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
    with desk.watching() as watcher:
        desk.pass_time(watcher, 10)
        assert watcher.idle
    assert desk.revisions()[-1] == sha(*paths)
    assert desk.statuses() == {FileStatus.INGESTED}


def test_new_settings_run_known_studies_again_after_new_ones(plain_desk: Desk) -> None:
    desk = plain_desk
    write_slices(desk.inbox / "a", "S", range(3))
    gone = write_slices(desk.inbox / "b", "gone", range(3))
    desk.take_in()
    for path in gone:
        path.unlink()
    desk.key = JobKey("fake-2", desks.KEY.settings_digest)
    desk.take_in(rerun_known=False)
    assert len(desk.jobs()) == 2
    desk.take_in()
    desk.take_in()
    with desk.sessions() as session:
        jobs = session.scalars(select(Job).order_by(Job.id)).all()
        assert [(job.model_version, job.priority) for job in jobs[2:]] == [("fake-2", -1)]
        assert jobs[2].state is JobState.PENDING


def test_a_scan_of_a_settled_inbox_does_not_query_the_database_about_files(
    plain_desk: Desk,
) -> None:
    desk = plain_desk
    for study in range(4):
        write_slices(desk.inbox / str(study), f"S{study}", range(50))
    statements: list[str] = []
    with desk.watching() as watcher:
        desk.pass_time(watcher)
        assert watcher.view().taken_in == 4
        event.listen(
            watcher._engine,
            "before_cursor_execute",
            lambda _c, _u, statement, *_: statements.append(statement),
        )
        desk.pass_time(watcher, 5)
    assert not [one for one in statements if SourceFile.__tablename__ in one]


def test_the_watcher_row_beats_with_the_loop_and_is_deleted_with_it(plain_desk: Desk) -> None:
    desk = plain_desk

    def beats() -> list[int]:
        with desk.sessions() as session:
            return list(session.scalars(select(Worker.beat)))

    with desk.watching() as watcher:
        desk.pass_time(watcher, 1)
        first = beats()
        desk.pass_time(watcher, 6)  # it beats every two seconds
        assert beats() == [first[0] + 3]
    assert beats() == []


def test_an_inbox_that_holds_folders_of_metseg_is_refused(plain_desk: Desk) -> None:
    with (
        pytest.raises(ConfigurationError, match="home must not be inside the inbox"),
        plain_desk.watching(home=plain_desk.inbox / "state"),
    ):
        pass


def test_a_fault_is_logged_once_and_so_is_its_end(
    plain_desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk = plain_desk
    caplog.set_level(logging.INFO)
    with desk.watching() as watcher:
        away = desk.inbox.rename(desk.home / "away")
        desk.pass_time(watcher)
        away.rename(desk.inbox)
        desk.pass_time(watcher)
    told = [record.getMessage() for record in caplog.records if record.name == "watcher.watch"]
    assert len([line for line in told if "paused" in line]) == 1
    assert told[-1] == "inbox: goes on"


def test_an_empty_database_is_reported_again_every_minute(
    plain_desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = plain_desk
    url = f"sqlite:///{tmp_path / 'late.sqlite3'}"
    with desk.watching(database_url=url) as watcher:
        desk.pass_time(watcher, 150)
    told = [
        record.getMessage()
        for record in caplog.records
        if record.getMessage().startswith("inbox: paused")
    ]
    assert len(told) == 3  # at 0, 60 and 120 s
    assert f"SQLite {tmp_path / 'late.sqlite3'} must be at revision" in told[-1]
    assert "it is empty, at none: run `metseg migrate`" in told[-1]


def test_many_studies_at_once_leave_room_for_the_queue_between_them(
    plain_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = plain_desk
    monkeypatch.setattr(arrivals, "INTAKE_BUDGET_S", -1.0)
    monkeypatch.setattr(arrivals, "READ_BUDGET_S", 0.0)
    for study in range(2):
        write_slices(desk.inbox / str(study), f"S{study}", range(2))
    with desk.watching() as watcher:
        desk.pass_time(watcher, 12)
        assert watcher.view().taken_in == 0
        assert not at_rest(watcher)
        monkeypatch.undo()
        desk.pass_time(watcher, 3)
        assert at_rest(watcher)
    assert len(desk.jobs()) == 2
