"""The outbox's SQL on SQLite and PostgreSQL: one winner, nothing lost, nothing twice."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session, sessionmaker

from db import jobs, processes
from db.outbox import pushes
from db.outbox.push_reports import is_due, open_pushes, push_counts, push_reports
from db.outbox.pushes import PushClaim
from db.tables.push_tables import PushState
from db.tables.tables import Role
from imaging.export.artifact import Artifact
from tests.helpers.rows import T0, arrive, found, later, new_job, take

HERE, THERE = "ARCHIVE@here:104", "PLANNING@there:104"
KINDS = ("dicom-seg", "dicom-sr", "mask-nifti")


@pytest.fixture(autouse=True)
def _a_worker(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        _register(session, "w:1:a")


def _register(session: Session, name: str) -> None:
    processes.register(session, role=Role.WORKER, name=name, host="w", pid=1, version="0", now=T0)


def record(session: Session, job_id: int, *, push_to: str | None = None) -> int:
    """A result of the job with two DICOM files and one other file."""
    claim = take(session, job_id)
    result = found(claim)
    artifacts = tuple(Artifact(kind, f"{result.directory}/{kind}", 1, "e" * 64) for kind in KINDS)
    result = replace(result, artifacts=artifacts)
    return jobs.finalise(session, claim, result, now=T0, push_to=push_to)


def states(session: Session) -> list[tuple[str, str]]:
    return [(one.kind, one.state) for one in push_reports(session)]


def ids(claims: Sequence[PushClaim]) -> list[int]:
    return [claim.push_id for claim in claims]


def test_the_dicom_files_of_a_new_result_are_in_the_outbox_with_it(
    sessions: sessionmaker[Session],
) -> None:
    with sessions.begin() as session:
        record(session, new_job(session), push_to=HERE)
    with sessions.begin() as session:
        assert states(session) == [("dicom-seg", "pending"), ("dicom-sr", "pending")]
        assert is_due(session, now=T0)


def test_a_result_that_is_not_recorded_puts_nothing_in_the_outbox(
    sessions: sessionmaker[Session],
) -> None:
    with sessions() as session:
        record(session, new_job(session), push_to=HERE)
        session.rollback()
    with sessions.begin() as session:
        assert states(session) == []


def test_a_result_that_is_older_than_the_current_one_is_not_sent(
    sessions: sessionmaker[Session],
) -> None:
    with sessions.begin() as session:
        old = new_job(session)
        claim = take(session, old)
        new = arrive(session, slices=4).job_id
        assert new is not None
        record(session, new, push_to=HERE)
        jobs.finalise(session, claim, found(claim), now=T0, push_to=HERE)
        assert {one.result_id for one in push_reports(session)} == {1}


def test_a_file_enters_the_outbox_once_for_each_destination(
    sessions: sessionmaker[Session],
) -> None:
    with sessions.begin() as session:
        result = record(session, new_job(session), push_to=HERE)
        assert pushes.enqueue(session, result, HERE, now=T0, automatic=False) == 0
        assert pushes.enqueue(session, result, THERE, now=T0, automatic=False) == 2
        assert len(states(session)) == 4


def test_many_processes_that_fill_and_empty_the_outbox_at_once_get_each_file_once(
    sessions: sessionmaker[Session],
) -> None:
    with sessions.begin() as session:
        results = [record(session, new_job(session, study=f"1.{n}")) for n in range(2, 6)]

    def work(owner: int) -> list[int]:
        taken: list[int] = []
        for result in results:
            with sessions.begin() as session:
                pushes.enqueue(session, result, HERE, now=T0, automatic=True)
        for _ in results:
            with sessions.begin() as session:
                taken += ids(pushes.claim_due(session, owner=f"w:1:{owner}", now=T0))
        return taken

    with ThreadPoolExecutor(4) as pool:
        taken = [push for some in pool.map(work, range(4)) for push in some]
    assert len(taken) == len(set(taken)) == 8


def test_pushes_that_are_due_later_are_not_taken_and_a_destination_is_put_off_as_one(
    sessions: sessionmaker[Session],
) -> None:
    with sessions.begin() as session:
        for study in ("1.2", "1.3"):
            record(session, new_job(session, study=study), push_to=HERE)
        (first, second) = pushes.claim_due(session, owner="w:1:a", now=T0)
        for claim in (first, second):
            assert pushes.hand_back(
                session, claim, code="push_rejected", message="no", run_after=later(60)
            )
        pushes.defer(session, HERE, until=later(60))
        assert pushes.claim_due(session, owner="w:1:a", now=later(59)) == []
        assert not is_due(session, now=later(59))
        again = pushes.claim_due(session, owner="w:1:a", now=later(60))
    assert [(claim.push_id, claim.attempt, claim.fence) for claim in again] == [
        (first.push_id, 2, 2),
        (second.push_id, 2, 2),
    ]


def test_pushes_of_a_dead_worker_are_taken_back_and_it_can_write_no_more(
    sessions: sessionmaker[Session],
) -> None:
    with sessions.begin() as session:
        record(session, new_job(session), push_to=HERE)
        old, _ = pushes.claim_due(session, owner="w:1:a", now=T0)
        assert pushes.take_back(session, now=T0) == []
        processes.forget(session, "w:1:a")
        assert len(pushes.take_back(session, now=later(5))) == 2
        assert not pushes.mark_sent(session, old, note=None, now=later(5))
        assert {one.error_code for one in push_reports(session)} == {"sender_lost"}
        assert len(pushes.claim_due(session, owner="w:2:b", now=later(5))) == 2


def test_pushes_of_a_command_belong_to_it_until_its_time_is_over(
    sessions: sessionmaker[Session],
) -> None:
    with sessions.begin() as session:
        result = record(session, new_job(session), push_to=HERE)
        claims = pushes.claim_result(session, result, HERE, owner="cli:host:7:x", until=later(3600))
        assert [claim.automatic for claim in claims] == [True, True]
        assert pushes.take_back(session, now=later(3599)) == []
        assert not is_due(session, now=later(3599))
        assert is_due(session, now=later(3600))
        assert len(pushes.take_back(session, now=later(3600))) == 2


def test_an_owner_that_sent_nothing_gets_its_own_pushes_back(
    sessions: sessionmaker[Session],
) -> None:
    with sessions.begin() as session:
        record(session, new_job(session), push_to=HERE)
        mine = ids(pushes.claim_due(session, owner="w:1:a", now=T0))
        assert sorted(pushes.take_back(session, now=T0, owner="w:1:a")) == mine


def test_a_push_command_takes_waiting_and_failed_pushes_and_leaves_sent_ones(
    sessions: sessionmaker[Session],
) -> None:
    with sessions.begin() as session:
        result = record(session, new_job(session), push_to=HERE)
        seg, sr = pushes.claim_due(session, owner="w:1:a", now=T0)
        assert pushes.mark_instance(session, seg, "1.2.3")
        assert pushes.mark_sent(session, seg, note=None, now=T0)
        assert pushes.hand_back(session, sr, code="push_file", message="no", run_after=None)
        assert push_counts(session) == {PushState.SENT: 1, PushState.FAILED: 1}
        claims = pushes.claim_result(session, result, HERE, owner="cli:h:1:x", until=later(9))
    assert ids(claims) == [sr.push_id]


def test_people_can_give_up_waiting_pushes_and_retry_failed_ones(
    sessions: sessionmaker[Session],
) -> None:
    with sessions.begin() as session:
        record(session, new_job(session), push_to=HERE)
        assert pushes.give_up(session, 1)
        assert not pushes.give_up(session, 1)
        assert states(session)[0] == ("dicom-seg", "failed")
        assert pushes.retry(session, 1, now=T0) == 1
        pushes.claim_due(session, owner="w:1:a", now=T0)
        assert pushes.retry(session, None, now=T0) == 0, "what is on the way is left alone"


def test_waiting_pushes_are_counted_by_destination_and_reason(
    sessions: sessionmaker[Session],
) -> None:
    with sessions.begin() as session:
        result = record(session, new_job(session), push_to=HERE)
        pushes.enqueue(session, result, THERE, now=T0, automatic=False)
        for claim in pushes.claim_due(session, owner="w:1:a", now=T0):
            pushes.hand_back(
                session, claim, code="push_rejected", message=claim.kind, run_after=later(30)
            )
        (seg, _) = pushes.claim_result(session, result, THERE, owner="cli:h:1:x", until=later(9))
        pushes.mark_sent(session, seg, note=None, now=T0)
        told = open_pushes(session)
    assert [(one.destination, one.state, one.number) for one in told] == [
        (HERE, PushState.PENDING, 2),
        (THERE, PushState.SENDING, 1),
    ]
    assert (told[0].error_code, told[0].error_message) == ("push_rejected", "dicom-sr")
    assert told[0].run_after - T0 == timedelta(seconds=30)
