"""Claims, fences, heartbeats, leases and attempts."""

import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from db import jobs
from db.jobs import MAX_WAIT, Claim
from db.session import make_engine, session_factory
from db.tables.result_tables import Result
from db.tables.tables import Job, JobEvent, JobState
from metseg.errors import LostLeaseError
from tests.helpers.rows import T0, found, later, new_job, take

Sessions = sessionmaker[Session]


def release(
    session: Session, claim: Claim, *, refund: bool = False, wait_s: float = 0
) -> JobState | None:
    return jobs.release(
        session,
        claim,
        code="out_of_memory",
        message="no memory left",
        now=T0,
        run_after=later(wait_s),
        refund=refund,
        max_attempts=3,
    )


def claim_in_own_process(url: str, job_id: int, owner: str) -> Claim | None:
    engine = make_engine(url)
    try:
        with session_factory(engine).begin() as session:
            return jobs.claim(session, job_id, owner=owner, now=T0, max_attempts=3)
    finally:
        engine.dispose()


def test_of_twelve_threads_one_wins_the_claim(sessions: Sessions) -> None:
    with sessions.begin() as session:
        job_id = new_job(session)
    start = threading.Barrier(12)

    def compete(number: int) -> Claim | None:
        start.wait()
        with sessions.begin() as session:
            return jobs.claim(session, job_id, owner=f"w:{number}:x", now=T0, max_attempts=3)

    with ThreadPoolExecutor(12) as pool:
        claims = [claim for claim in pool.map(compete, range(12)) if claim is not None]
    assert len(claims) == 1
    with sessions.begin() as session:
        standing = jobs.standing(session, job_id)
        assert standing == jobs.JobStanding(JobState.RUNNING, 1, claims[0].owner)


def test_of_four_processes_one_wins_the_claim(migrated_url: str, sessions: Sessions) -> None:
    with sessions.begin() as session:
        job_id = new_job(session)
    compete = partial(claim_in_own_process, migrated_url, job_id)
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        claims = list(pool.map(compete, [f"w:{number}:x" for number in range(12)]))
    assert sum(claim is not None for claim in claims) == 1


def test_twelve_threads_share_twelve_jobs(sessions: Sessions) -> None:
    with sessions.begin() as session:
        ids = {new_job(session, study=f"1.{number}") for number in range(12)}

    def compete(number: int) -> int:
        with sessions.begin() as session:
            claim = jobs.claim_next(session, owner=f"w:{number}:x", now=T0, max_attempts=3)
        assert claim is not None
        return claim.job_id

    with ThreadPoolExecutor(12) as pool:
        assert set(pool.map(compete, range(12))) == ids


def test_claim_next_takes_no_job_when_none_is_due(sessions: Sessions) -> None:
    with sessions.begin() as session:
        release(session, take(session, new_job(session)), wait_s=60)
        assert jobs.claim_next(session, owner="w:1:a", now=later(59), max_attempts=3) is None
        claim = jobs.claim_next(session, owner="w:1:a", now=later(60), max_attempts=3)
        assert claim is not None
        assert (claim.fence, claim.attempt) == (2, 2)


def test_a_worker_takes_only_jobs_for_its_own_model(sessions: Sessions) -> None:
    with sessions.begin() as session:
        job_id = new_job(session)
        claim = partial(jobs.claim, session, job_id, owner="w:1:a", now=T0, max_attempts=3)
        next_one = partial(jobs.claim_next, session, owner="w:1:a", now=T0, max_attempts=3)
        assert claim(model_version="other") is None
        assert next_one(settings_digest="other") is None
        assert claim(model_version="fake-1", settings_digest="d" * 64) is not None


def test_an_old_message_does_not_cut_the_wait_after_a_failure(sessions: Sessions) -> None:
    with sessions.begin() as session:
        job_id = new_job(session)
        jobs.mark_published(session, [job_id], now=T0)
        release(session, take(session, job_id), wait_s=60)
        claim = partial(jobs.claim, session, job_id, owner="w:1:a", max_attempts=3)
        assert claim(now=later(10)) is None
        jobs.mark_published(session, [job_id], now=later(60))
        # The doorbell rang, so the job is due, though this worker's clock is ten minutes behind.
        assert claim(now=later(-600)) is not None


def test_a_zombie_can_neither_beat_nor_fail_nor_release_nor_finalise(sessions: Sessions) -> None:
    with sessions.begin() as session:
        zombie = take(session, new_job(session))
        assert jobs.release_owner(session, zombie.owner, now=T0, run_after=T0, max_attempts=3)
        heir = take(session, zombie.job_id, owner="w:2:b")
        assert not jobs.beat(session, zombie)
        assert not jobs.fail(session, zombie, code="x", message="", now=T0)
        assert release(session, zombie) is None
        with pytest.raises(LostLeaseError, match="must hold fence 1"):
            jobs.finalise(session, zombie, found(zombie), now=T0)
        assert session.scalar(select(func.count()).select_from(Result)) == 0
        assert jobs.beat(session, heir)
        jobs.finalise(session, heir, found(heir), now=T0)
        assert session.scalars(select(Result.fence)).all() == [2]


def test_a_zombie_is_refused_also_before_anyone_else_took_the_job(sessions: Sessions) -> None:
    with sessions.begin() as session:
        zombie = take(session, new_job(session))
        jobs.release_owner(session, zombie.owner, now=T0, run_after=T0, max_attempts=3)
        assert not jobs.beat(session, zombie)
        with pytest.raises(LostLeaseError):
            jobs.finalise(session, zombie, found(zombie), now=T0)


def test_a_lease_expires_only_if_its_heartbeat_stands_still(sessions: Sessions) -> None:
    with sessions.begin() as session:
        claim = take(session, new_job(session))
        (lease,) = jobs.running_leases(session)
        assert jobs.beat(session, claim, "infer 40 %")
        take_back = partial(jobs.expire, session, now=T0, run_after=T0, max_attempts=3)
        assert take_back(lease) is None
        (lease,) = jobs.running_leases(session)
        assert take_back(lease) is JobState.PENDING
        assert take_back(lease) is None
        assert not jobs.beat(session, claim)
        assert session.scalars(select(Job.progress)).all() == [None]


def test_the_lease_of_an_earlier_claim_cannot_expire_a_newer_one(sessions: Sessions) -> None:
    with sessions.begin() as session:
        claim = take(session, new_job(session))
        (lease,) = jobs.running_leases(session)
        release(session, claim)
        heir = take(session, claim.job_id)
        assert jobs.expire(session, lease, now=T0, run_after=T0, max_attempts=3) is None
        assert jobs.beat(session, heir)


def test_after_three_attempts_a_job_has_failed_as_exhausted_and_says_why(
    sessions: Sessions,
) -> None:
    with sessions.begin() as session:
        job_id = new_job(session)
        states = [release(session, take(session, job_id)) for _ in range(3)]
        assert states == [JobState.PENDING, JobState.PENDING, JobState.FAILED]
        job = session.get_one(Job, job_id)
        assert (job.error_code, job.error_message) == (
            "exhausted",
            "out_of_memory: no memory left",
        )
        assert job.finished_at == T0
        assert jobs.claim(session, job_id, owner="w:1:a", now=T0, max_attempts=3) is None


def test_a_refunded_attempt_does_not_count_however_often(sessions: Sessions) -> None:
    with sessions.begin() as session:
        job_id = new_job(session)
        for _ in range(5):
            assert release(session, take(session, job_id), refund=True) is JobState.PENDING
        claim = take(session, job_id)
        assert (claim.attempt, claim.fence) == (1, 6)
        assert session.get_one(Job, job_id).infra_retries == 5


def test_a_waiting_job_ends_when_the_allowed_attempts_are_lowered(sessions: Sessions) -> None:
    with sessions.begin() as session:
        job_id, other = new_job(session), new_job(session, study="1.9")
        release(session, take(session, job_id))
        claim = jobs.claim_next(session, owner="w:1:a", now=T0, max_attempts=1)
        assert claim is not None
        assert claim.job_id == other
        assert session.get_one(Job, job_id).error_code == "exhausted"


def test_the_wait_after_failures_is_never_longer_than_the_longest(sessions: Sessions) -> None:
    with sessions.begin() as session:
        job_id = new_job(session)
        release(session, take(session, job_id), wait_s=1e6)
        assert session.get_one(Job, job_id).run_after == T0 + MAX_WAIT


def test_a_dead_process_hands_back_only_its_own_job(sessions: Sessions) -> None:
    with sessions.begin() as session:
        mine = take(session, new_job(session, study="1.1"), owner="h:12:a")
        other = take(session, new_job(session, study="1.2"), owner="h:123:a")
        back = partial(
            jobs.release_owner, session, mine.owner, now=T0, run_after=T0, max_attempts=3
        )
        assert back() == [mine.job_id]
        assert back() == []
        assert jobs.beat(session, other)


def test_every_transition_of_a_job_is_in_its_history(sessions: Sessions) -> None:
    with sessions.begin() as session:
        job_id = new_job(session)
        release(session, take(session, job_id))
        claim = take(session, job_id, owner="w:2:b")
        jobs.finalise(session, claim, found(claim), now=T0)
        rows = session.execute(
            select(JobEvent.new_state, JobEvent.code, JobEvent.fence, JobEvent.actor).order_by(
                JobEvent.id
            )
        )
        assert [tuple(row) for row in rows] == [
            ("pending", "created", 0, "intake"),
            ("running", "claimed", 1, "w:1:a"),
            ("pending", "out_of_memory", 1, "w:1:a"),
            ("running", "claimed", 2, "w:2:b"),
            ("succeeded", "finalised", 2, "w:2:b"),
        ]


def test_a_hand_back_and_a_newer_job_at_once_leave_no_pointless_job(
    sessions: Sessions,
) -> None:
    for study in ("1.1", "1.2", "1.3", "1.4", "1.5"):
        with sessions.begin() as session:
            claim = take(session, new_job(session, study=study, slices=3))
        start = threading.Barrier(2)

        def hand_back(claim: Claim = claim, start: threading.Barrier = start) -> None:
            start.wait()
            with sessions.begin() as session:
                release(session, claim)

        def arrive_later(study: str = study, start: threading.Barrier = start) -> int:
            start.wait()
            with sessions.begin() as session:
                return new_job(session, study=study, slices=4)

        with ThreadPoolExecutor(2) as pool:
            back, newer = pool.submit(hand_back), pool.submit(arrive_later)
            back.result()
            job_id = newer.result()
        with sessions.begin() as session:
            old, new = jobs.standing(session, claim.job_id), jobs.standing(session, job_id)
            assert old is not None
            assert new is not None
            assert (old.state, new.state) == (JobState.CANCELLED, JobState.PENDING)
