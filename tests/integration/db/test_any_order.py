"""Any order of operations, by any number of workers and zombies, keeps the rules.

Hypothesis plays the watcher, workers that live on after their lease, operators and a reconciler on
SQLite; the model in Python knows only who holds which fence.
"""

from collections.abc import Callable

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)
from sqlalchemy import Engine, select

from db import jobs
from db.jobs import Claim, Lease
from db.jobs.states import IllegalTransitionError, NoSuchJobError
from db.session import make_engine, session_factory
from db.tables.tables import Base, Job, JobState
from metseg.errors import LostLeaseError
from tests.helpers.invariants import (
    counts_and_sums_agree,
    history_leads_to_the_state,
    one_current_result_per_study,
)
from tests.helpers.rows import DIGEST, T0, arrive, later, no_series

MAX_ATTEMPTS = 3
ALL = range(1, 30)


class AnyOrder(RuleBasedStateMachine):
    """Each rule is one transaction, as in the programs."""

    claims: Bundle[Claim] = Bundle("claims")
    leases: Bundle[Lease] = Bundle("leases")

    engine: Engine

    @initialize()
    def start(self) -> None:
        self.engine = make_engine("sqlite:///:memory:")
        Base.metadata.create_all(self.engine)
        self.sessions = session_factory(self.engine)
        self.holder: dict[int, int] = {}
        """The fence that holds each running job."""

    def teardown(self) -> None:
        self.engine.dispose()

    def holds(self, claim: Claim) -> bool:
        return self.holder.get(claim.job_id) == claim.fence

    @rule(study=st.sampled_from(["1.1", "1.2"]), slices=st.integers(1, 3))
    def arrive(self, study: str, slices: int) -> None:
        with self.sessions.begin() as session:
            arrive(session, study=study, slices=slices)

    @rule(snapshot_id=st.integers(1, 3), model=st.sampled_from(["fake-1", "fake-2"]))
    def ask_again(self, snapshot_id: int, model: str) -> None:
        with self.sessions.begin() as session:
            if session.scalar(select(Job.id).where(Job.snapshot_id == snapshot_id)):
                jobs.create_job(
                    session,
                    snapshot_id=snapshot_id,
                    model_version=model,
                    settings_digest=DIGEST,
                    now=T0,
                )

    @rule(target=claims, job_id=st.integers(1, 6))
    def claim(self, job_id: int) -> Claim | MultipleResults[Claim]:
        with self.sessions.begin() as session:
            claim = jobs.claim(
                session, job_id, owner="w:1:a", now=later(1e4), max_attempts=MAX_ATTEMPTS
            )
        return self.remember(claim)

    @rule(target=claims)
    def claim_next(self) -> Claim | MultipleResults[Claim]:
        with self.sessions.begin() as session:
            claim = jobs.claim_next(
                session, owner="w:2:b", now=later(1e4), max_attempts=MAX_ATTEMPTS
            )
        return self.remember(claim)

    def remember(self, claim: Claim | None) -> Claim | MultipleResults[Claim]:
        if claim is None:
            return multiple()
        assert claim.job_id not in self.holder, "two hold one job"
        self.holder[claim.job_id] = claim.fence
        return claim

    @rule(claim=claims)
    def beat(self, claim: Claim) -> None:
        with self.sessions.begin() as session:
            assert jobs.beat(session, claim) == self.holds(claim)

    @rule(claim=claims)
    def finalise(self, claim: Claim) -> None:
        held = self.holds(claim)
        try:
            with self.sessions.begin() as session:
                jobs.finalise(session, claim, no_series(claim), now=T0)
        except LostLeaseError:
            assert not held
        else:
            assert held
            del self.holder[claim.job_id]

    @rule(claim=claims)
    def fail(self, claim: Claim) -> None:
        with self.sessions.begin() as session:
            failed = jobs.fail(session, claim, code="input", message="", now=T0)
        assert failed == self.holds(claim)
        if failed:
            del self.holder[claim.job_id]

    @rule(claim=claims, refund=st.booleans())
    def release(self, claim: Claim, refund: bool) -> None:
        with self.sessions.begin() as session:
            state = jobs.release(
                session,
                claim,
                code="transient",
                message="",
                now=T0,
                run_after=T0,
                refund=refund,
                max_attempts=MAX_ATTEMPTS,
            )
        assert (state is not None) == self.holds(claim)
        if state is not None:
            assert (state is JobState.FAILED) == (not refund and claim.attempt >= MAX_ATTEMPTS)
            del self.holder[claim.job_id]

    @rule(target=leases)
    def look(self) -> MultipleResults[Lease]:
        with self.sessions.begin() as session:
            return multiple(*jobs.running_leases(session))

    @rule(lease=leases)
    def expire(self, lease: Lease) -> None:
        with self.sessions.begin() as session:
            state = jobs.expire(session, lease, now=T0, run_after=T0, max_attempts=MAX_ATTEMPTS)
        if state is not None:
            assert self.holder.pop(lease.job_id) == lease.fence

    @rule(job_id=st.integers(1, 6), verb=st.sampled_from([jobs.retry, jobs.cancel, jobs.first]))
    def meddle(self, job_id: int, verb: Callable[..., str]) -> None:
        try:
            with self.sessions.begin() as session:
                verb(session, job_id, actor="alice@host", now=T0)
        except (IllegalTransitionError, NoSuchJobError):
            return
        if verb is jobs.cancel:
            self.holder.pop(job_id, None)

    @invariant()
    def rules_hold(self) -> None:
        with self.sessions.begin() as session:
            breaches = [
                *history_leads_to_the_state(session),
                *one_current_result_per_study(session),
                *counts_and_sums_agree(session),
            ]
            running = jobs.running_leases(session)
        assert not breaches
        assert {lease.job_id: lease.fence for lease in running} == self.holder


AnyOrder.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestAnyOrder = AnyOrder.TestCase
