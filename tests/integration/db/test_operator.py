"""What a person may do to a job, and the lines that the audit keeps of it."""

from collections.abc import Callable

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from db import jobs
from db.audit import audit_lines
from db.jobs.states import IllegalTransitionError, NoSuchJobError
from db.tables.tables import Job, JobEvent, JobState
from metseg.errors import LostLeaseError
from tests.helpers.invariants import history_leads_to_the_state
from tests.helpers.rows import T0, arrive, found, later, new_job, take

Sessions = sessionmaker[Session]
ALICE = "alice@host"
VERBS: tuple[Callable[..., str], ...] = (jobs.retry, jobs.cancel, jobs.first)


def audit(session: Session) -> list[tuple[str, str, int | None, str]]:
    """Action, actor, job and detail of each line, oldest first."""
    lines = audit_lines(session, limit=99)
    return [(str(one.action), one.actor, one.job_id, one.detail) for one in reversed(lines)]


def test_retry_lets_a_failed_job_wait_again_with_all_attempts(sessions: Sessions) -> None:
    with sessions.begin() as session:
        claim = take(session, new_job(session))
        with pytest.raises(IllegalTransitionError, match="must be failed to wait again"):
            jobs.retry(session, claim.job_id, actor=ALICE, now=T0)
        assert jobs.fail(session, claim, code="dicom_invalid", message="no pixels", now=T0)
        said = jobs.retry(session, claim.job_id, actor=ALICE, now=later(5))
        assert said == f"job {claim.job_id} of study 1 waits again; it was failed"
        job = session.get_one(Job, claim.job_id)
        assert (job.state, job.attempt, job.error_code, job.finished_at) == (
            JobState.PENDING,
            0,
            None,
            None,
        )
        assert job.run_after == later(5)
        assert take(session, claim.job_id, seconds=5).fence == 2
        assert audit(session) == [("retry", ALICE, claim.job_id, "waits again; it was failed")]


def test_a_job_that_runs_is_cancelled_and_its_worker_has_lost_it(sessions: Sessions) -> None:
    with sessions.begin() as session:
        claim = take(session, new_job(session))
        said = jobs.cancel(session, claim.job_id, actor=ALICE, now=T0)
        assert said == f"job {claim.job_id} of study 1 is cancelled; it was running"
        assert not jobs.beat(session, claim)
        assert not jobs.fail(session, claim, code="input", message="", now=T0)
        assert jobs.running_leases(session) == []
        assert [*history_leads_to_the_state(session)] == []
    with pytest.raises(LostLeaseError), sessions.begin() as session:
        jobs.finalise(session, claim, found(claim), now=T0)


def test_a_job_that_a_person_cancelled_waits_again_when_a_person_says_so(
    sessions: Sessions,
) -> None:
    with sessions.begin() as session:
        job_id = new_job(session)
        jobs.cancel(session, job_id, actor=ALICE, now=T0)
        jobs.retry(session, job_id, actor="bob@host", now=later(1))
        assert take(session, job_id, seconds=1).attempt == 1
        actors = session.scalars(select(JobEvent.actor).order_by(JobEvent.id)).all()
        assert actors[1:3] == [ALICE, "bob@host"]
        assert [line[:2] for line in audit(session)] == [("cancel", ALICE), ("retry", "bob@host")]


def test_a_superseded_job_does_not_wait_again(sessions: Sessions) -> None:
    with sessions.begin() as session:
        old = new_job(session)
        arrive(session, slices=4)
        with pytest.raises(IllegalTransitionError, match=r"it is cancelled \(superseded\)"):
            jobs.retry(session, old, actor=ALICE, now=T0)


def test_first_puts_a_waiting_job_before_all_others(sessions: Sessions) -> None:
    with sessions.begin() as session:
        ids = [new_job(session, study=f"1.{number}") for number in range(4)]
        session.get_one(Job, ids[2]).run_after = later(600)
        jobs.first(session, ids[3], actor=ALICE, now=T0)
        jobs.first(session, ids[2], actor=ALICE, now=T0)
        jobs.first(session, ids[2], actor=ALICE, now=T0)
        due = jobs.jobs_to_ring(session, now=T0, republish_s=60, limit=9)
        assert due == [ids[2], ids[3], ids[0], ids[1]]
        assert [line[3] for line in audit(session)] == [
            "comes first: priority 1, before 0",
            "comes first: priority 2, before 0",
            "comes first: priority 2, before 2",
        ]


def test_a_doorbell_that_rang_for_another_is_answered_with_the_first(sessions: Sessions) -> None:
    with sessions.begin() as session:
        rung, wanted = new_job(session, study="1.1"), new_job(session, study="1.2")
        jobs.mark_published(session, [rung], now=T0)
        jobs.first(session, wanted, actor=ALICE, now=T0)
        claim = jobs.claim_rung(session, rung, owner="w:1:a", now=T0, max_attempts=3)
        assert claim is not None
        assert claim.job_id == wanted


def test_a_job_that_has_ended_is_left_alone(sessions: Sessions) -> None:
    with sessions.begin() as session:
        claim = take(session, new_job(session))
        jobs.finalise(session, claim, found(claim), now=T0)
        for verb in VERBS:
            with pytest.raises(IllegalTransitionError, match="it is succeeded"):
                verb(session, claim.job_id, actor=ALICE, now=T0)
        assert audit(session) == []


def test_a_job_that_does_not_exist_is_reported_as_such(sessions: Sessions) -> None:
    with sessions.begin() as session:
        assert jobs.standing(session, 99) is None
        for verb in VERBS:
            with pytest.raises(NoSuchJobError, match="got 99"):
                verb(session, 99, actor=ALICE, now=T0)


@pytest.mark.parametrize("change", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"])
def test_nobody_can_change_what_the_audit_says(sessions: Sessions, change: str) -> None:
    with sessions.begin() as session:
        job_id = new_job(session)
        jobs.first(session, job_id, actor=ALICE, now=T0)
    with pytest.raises(DBAPIError, match="cannot be changed"), sessions.begin() as session:
        session.execute(text(change))
    with sessions() as session:
        assert audit(session) == [("first", ALICE, job_id, "comes first: priority 1, before 0")]


def test_the_audit_comes_in_pages_and_by_study(sessions: Sessions) -> None:
    with sessions.begin() as session:
        ids = [new_job(session, study=f"1.{number}") for number in range(3)]
        for job_id in (*ids, ids[0]):
            jobs.first(session, job_id, actor=ALICE, now=T0)
        newest = audit_lines(session, limit=2)
        assert [line.id for line in newest] == [4, 3]
        assert [line.id for line in audit_lines(session, limit=9, before=3)] == [2, 1]
        study = newest[0].study_id
        assert [line.id for line in audit_lines(session, limit=9, study_id=study)] == [4, 1]
