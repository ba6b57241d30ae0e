"""Arrivals are recorded once, whoever else records them, and so are the files they came from."""

import threading
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from db.intake.files import ingested_files, load_known, see, set_status
from db.intake.fingerprint import Fingerprint
from db.intake.intake import (
    ArrivedFile,
    IntakeOutcome,
    StudyIntake,
    latest_instances,
    lock_study,
    mark_ingested,
    record_intake,
    snapshot_instances,
    spooled_hashes,
)
from db.tables.tables import FileStatus, Instance, Job, Snapshot
from tests.helpers.rows import DIGEST, MODEL, T0, arrive, instance, later

Sessions = sessionmaker[Session]
HUGE_INODE = 2**64 - 1


def test_a_study_becomes_a_snapshot_with_its_instances_and_a_job(sessions: Sessions) -> None:
    with sessions.begin() as session:
        outcome = arrive(session, slices=3)
        assert (outcome.revision, outcome.known) == (1, False)
        snapshot = session.get_one(Snapshot, outcome.snapshot_id)
        assert (snapshot.n_instances, snapshot.n_bytes) == (3, 300)
        expected = [instance(number) for number in (1, 2, 3)]
        assert snapshot_instances(session, outcome.snapshot_id) == expected
        assert session.get_one(Job, outcome.job_id).created_at == T0


def test_the_same_bytes_again_make_no_snapshot_and_no_job(sessions: Sessions) -> None:
    with sessions.begin() as session:
        first, again = arrive(session), arrive(session)
        assert again == IntakeOutcome(first.study_id, first.snapshot_id, 1, None, known=True)
        for table, count in ((Snapshot, 1), (Instance, 3), (Job, 1)):
            assert session.scalar(select(func.count()).select_from(table)) == count


def test_late_slices_make_revision_two(sessions: Sessions) -> None:
    with sessions.begin() as session:
        first, second = arrive(session, slices=3), arrive(session, slices=4)
        assert (second.revision, second.study_id) == (2, first.study_id)
        assert len(latest_instances(session, lock_study(session, "1.2", now=T0))) == 4
        assert len(snapshot_instances(session, first.snapshot_id)) == 3


def test_a_study_that_nobody_knew_has_no_instances(sessions: Sessions) -> None:
    with sessions.begin() as session:
        assert latest_instances(session, lock_study(session, "9.9", now=T0)) == []


def test_one_of_many_watchers_with_the_same_study_records_it(sessions: Sessions) -> None:
    start = threading.Barrier(6)

    def record(_: int) -> IntakeOutcome:
        start.wait()
        with sessions.begin() as session:
            return arrive(session)

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(record, range(6)))
    assert sorted(outcome.known for outcome in outcomes) == [False] + [True] * 5
    assert len({outcome.snapshot_id for outcome in outcomes}) == 1


def test_many_watchers_that_each_bring_one_slice_lose_none(sessions: Sessions) -> None:
    start = threading.Barrier(6)

    def record(number: int) -> int:
        start.wait()
        with sessions.begin() as session:
            study = lock_study(session, "1.2", now=T0)
            intake = StudyIntake((*latest_instances(session, study), instance(number)))
            return record_intake(
                session, study, intake, model_version=MODEL, settings_digest=DIGEST, now=T0
            ).revision

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(record, range(1, 7))) == [1, 2, 3, 4, 5, 6]
    with sessions.begin() as session:
        expected = [instance(number) for number in range(1, 7)]
        assert latest_instances(session, lock_study(session, "1.2", now=T0)) == expected


def test_source_files_are_recorded_once_and_again_when_they_change(sessions: Sessions) -> None:
    file = {"a/1.dcm": Fingerprint(100, 7, HUGE_INODE)}
    with sessions.begin() as session:
        known = see(session, file, now=T0)["a/1.dcm"]
        assert (known.status, known.fingerprint.inode) == (FileStatus.SEEN, HUGE_INODE)
        set_status(session, [known.id], FileStatus.QUARANTINED, reason="not regular")
    with sessions.begin() as session:
        same = see(session, file, now=later(9))["a/1.dcm"]
        assert (same.status, same.reason) == (FileStatus.QUARANTINED, "not regular")
        changed = see(session, {"a/1.dcm": Fingerprint(101, 7, 1)}, now=later(9))["a/1.dcm"]
        assert (changed.id, changed.status, changed.reason) == (known.id, FileStatus.SEEN, None)


def test_many_source_files_are_recorded_at_once(sessions: Sessions) -> None:
    files = {f"{number}.dcm": Fingerprint(1, 1, number) for number in range(2500)}
    with sessions.begin() as session:
        known = see(session, files, now=T0)
        assert len(known) == 2500
        set_status(session, [file.id for file in known.values()], FileStatus.SETTLED)
        assert {file.status for _, file in load_known(session)} == {FileStatus.SETTLED}


def test_intake_marks_the_files_it_came_from(sessions: Sessions) -> None:
    one = instance(1)
    with sessions.begin() as session:
        seen = {"1.dcm": Fingerprint(1, 1, 1), "x": Fingerprint(1, 1, 2)}
        files = see(session, seen, now=T0)
        took = ArrivedFile(files["1.dcm"].id, one)
        study_id = arrive(session, slices=1).study_id
        for _ in range(2):
            mark_ingested(session, [(study_id, took)])
    with sessions.begin() as session:
        known = dict(load_known(session))
        assert known["1.dcm"].status is FileStatus.INGESTED
        assert known["x"].status is FileStatus.SEEN
        (file,) = ingested_files(session, study_id)
        assert (file.id, file.path) == (known["1.dcm"].id, "1.dcm")
        assert file.fingerprint == seen["1.dcm"]
        assert file.sop_instance_uid == one.sop_instance_uid
        assert file.sha256 == one.sha256
        assert spooled_hashes(session, [one.sha256, "0"]) == {one.sha256}
