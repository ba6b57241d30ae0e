"""Making jobs, finding due ones, ringing for them."""

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session, sessionmaker

from db import jobs
from db.tables.tables import Job, JobEvent, JobState
from tests.helpers.rows import DIGEST, MODEL, T0, arrive, later, new_job, take

Sessions = sessionmaker[Session]


def state(session: Session, job_id: int) -> JobState:
    standing = jobs.standing(session, job_id)
    assert standing is not None
    return standing.state


def events(session: Session, job_id: int) -> list[str]:
    return list(
        session.scalars(
            select(JobEvent.code).where(JobEvent.job_id == job_id).order_by(JobEvent.id)
        )
    )


def test_the_same_job_key_makes_one_job(sessions: Sessions) -> None:
    with sessions.begin() as session:
        outcome = arrive(session)
        again = jobs.create_job(
            session,
            snapshot_id=outcome.snapshot_id,
            model_version=MODEL,
            settings_digest=DIGEST,
            now=T0,
        )
        assert again is None
        assert jobs.job_counts(session)[JobState.PENDING] == 1


def test_late_slices_cancel_the_waiting_job_of_the_older_revision(sessions: Sessions) -> None:
    with sessions.begin() as session:
        old, new = new_job(session, slices=3), new_job(session, slices=4)
        other = new_job(session, study="1.9")
        assert state(session, old) is JobState.CANCELLED
        assert events(session, old) == ["created", "superseded"]
        assert state(session, new) is JobState.PENDING
        assert state(session, other) is JobState.PENDING


def test_late_slices_leave_a_running_job_alone_and_end_it_when_it_is_handed_back(
    sessions: Sessions,
) -> None:
    with sessions.begin() as session:
        claim = take(session, new_job(session, slices=3))
        new_job(session, slices=4)
        assert state(session, claim.job_id) is JobState.RUNNING
        left = jobs.release(
            session,
            claim,
            code="transient",
            message="",
            now=T0,
            run_after=T0,
            refund=False,
            max_attempts=3,
        )
        assert left is JobState.CANCELLED
        assert events(session, claim.job_id) == ["created", "claimed", "transient", "superseded"]


def test_new_settings_supersede_a_job_and_going_back_revives_it(sessions: Sessions) -> None:
    with sessions.begin() as session:
        outcome = arrive(session, model="m1")

        def ask(model: str) -> int | None:
            return jobs.create_job(
                session,
                snapshot_id=outcome.snapshot_id,
                model_version=model,
                settings_digest=DIGEST,
                now=T0,
            )

        first, second = outcome.job_id, ask("m2")
        assert first is not None
        assert second is not None
        assert [state(session, first), state(session, second)] == ["cancelled", "pending"]
        assert ask("m1") == first
        assert [state(session, first), state(session, second)] == ["pending", "cancelled"]
        assert events(session, first) == ["created", "superseded", "revived"]


def test_a_job_that_an_operator_cancelled_is_not_revived(sessions: Sessions) -> None:
    with sessions.begin() as session:
        outcome = arrive(session)
        assert outcome.job_id is not None
        jobs.cancel(session, outcome.job_id, actor="alice@host", now=T0)
        again = jobs.create_job(
            session,
            snapshot_id=outcome.snapshot_id,
            model_version=MODEL,
            settings_digest=DIGEST,
            now=T0,
        )
        assert again is None
        assert state(session, outcome.job_id) is JobState.CANCELLED


def test_doorbells_are_rung_by_priority_then_age(sessions: Sessions) -> None:
    with sessions.begin() as session:
        ids = [new_job(session, study=f"1.{number}") for number in range(4)]
        session.execute(update(Job).where(Job.id == ids[2]).values(priority=5))
        session.execute(update(Job).where(Job.id == ids[0]).values(run_after=later(60)))
        assert jobs.jobs_to_ring(session, republish_s=60, now=T0, limit=9) == [
            ids[2],
            ids[1],
            ids[3],
        ]
        assert jobs.jobs_to_ring(session, republish_s=60, now=T0, limit=1) == [ids[2]]
        assert jobs.jobs_to_ring(session, republish_s=60, now=later(60), limit=9) == [
            ids[2],
            ids[0],
            ids[1],
            ids[3],
        ]


def test_a_clock_that_went_back_an_hour_does_not_make_jobs_wait_an_hour(
    sessions: Sessions,
) -> None:
    with sessions.begin() as session:
        job_id = new_job(session)
        assert jobs.jobs_to_ring(session, republish_s=60, now=later(-3600), limit=9) == [job_id]
        assert jobs.jobs_to_ring(session, republish_s=60, now=later(-60), limit=9) == []


def test_a_doorbell_is_rung_once_and_again_if_nobody_answers(sessions: Sessions) -> None:
    with sessions.begin() as session:
        job_id = new_job(session)

        def to_ring(seconds: float) -> list[int]:
            return jobs.jobs_to_ring(session, now=later(seconds), republish_s=120, limit=9)

        assert to_ring(0) == [job_id]
        jobs.mark_published(session, [job_id], now=T0)
        assert to_ring(119) == []
        assert to_ring(120) == [job_id]
        take(session, job_id)
        assert to_ring(999) == []


def test_states_are_stored_in_lower_case_and_times_come_back_in_utc(sessions: Sessions) -> None:
    with sessions.begin() as session:
        take(session, new_job(session))
    with sessions.begin() as session:
        assert session.scalar(text("SELECT state FROM job")) == "running"
        assert list(session.scalars(text("SELECT new_state FROM job_event ORDER BY id"))) == [
            "pending",
            "running",
        ]
        job = session.scalars(select(Job)).one()
        assert job.created_at == T0
        assert job.created_at.utcoffset() == T0.utcoffset()
