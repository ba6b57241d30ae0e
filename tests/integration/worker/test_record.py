"""A commit whose answer never came: the job's row says what to do."""

from collections.abc import Callable
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from db import jobs
from db.jobs import Claim
from db.tables.tables import Job, JobState
from metseg.errors import LostLeaseError
from tests.integration.worker.conftest import WorkerSite
from worker.job.record import commit

Change = Callable[[Session], JobState | None]


def broken() -> OperationalError:
    return OperationalError("COMMIT", {}, psycopg.OperationalError("server closed"))


def give_up(claim: Claim) -> Change:
    """Some change of the job's state: RUNNING to FAILED."""

    def change(session: Session) -> JobState | None:
        jobs.fail(session, claim, code="input", message="", now=datetime.now(UTC))
        return JobState.FAILED

    return change


def run(site: WorkerSite, claim: Claim, change: Change, *, lease: float = 60.0) -> JobState | None:
    return commit(
        site.sessions,
        claim,
        change,
        reached={JobState.FAILED},
        seconds_left=lambda: lease,
        sleep=lambda _seconds: None,
    )


def claimed(site: WorkerSite) -> Claim:
    job_id, _ = site.add_study()
    return site.claim(job_id, site.bench())


def test_a_commit_that_failed_before_it_took_effect_is_tried_again(site: WorkerSite) -> None:
    claim = claimed(site)
    tries: list[int] = []

    def change(session: Session) -> JobState | None:
        tries.append(1)
        state = give_up(claim)(session)
        if len(tries) == 1:
            raise broken()
        return state

    assert run(site, claim, change) is JobState.FAILED
    assert len(tries) == 2


def test_a_commit_that_took_effect_without_an_answer_is_not_repeated(site: WorkerSite) -> None:
    claim = claimed(site)
    tries: list[int] = []

    def change(session: Session) -> JobState | None:
        tries.append(1)
        give_up(claim)(session)
        session.commit()
        raise broken()

    assert run(site, claim, change) is None
    assert len(tries) == 1
    with site.sessions() as session:
        assert session.get_one(Job, claim.job_id).state is JobState.FAILED


def test_a_job_that_another_process_took_meanwhile_is_lost(site: WorkerSite) -> None:
    claim = claimed(site)

    def change(session: Session) -> JobState | None:
        now = datetime.now(UTC)
        (lease,) = jobs.running_leases(session)
        jobs.expire(session, lease, now=now, run_after=now, max_attempts=3)
        session.commit()
        site.claim(claim.job_id, site.bench(token="deadbeef"))
        raise broken()

    with pytest.raises(LostLeaseError):
        run(site, claim, change)


def test_tries_to_record_end_with_the_lease(site: WorkerSite) -> None:
    claim = claimed(site)

    def change(_session: Session) -> JobState | None:
        raise broken()

    with pytest.raises(OperationalError):
        run(site, claim, change, lease=0.0)


def test_a_commit_that_the_database_refuses_is_not_tried_again(site: WorkerSite) -> None:
    claim = claimed(site)
    tries: list[int] = []

    def change(_session: Session) -> JobState | None:
        tries.append(1)
        raise IntegrityError("INSERT", {}, psycopg.IntegrityError())

    with pytest.raises(IntegrityError):
        run(site, claim, change)
    assert len(tries) == 1
