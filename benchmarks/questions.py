"""What metseg asks a database most often, as functions of a session, in an order that works."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy.orm import Session

from db import jobs
from db.intake.left_alone import left_alone
from db.intake.pairing import known_study
from db.jobs import MAX_ATTEMPTS, Claim
from db.outbox.push_reports import open_pushes
from db.overview import overview
from db.results.ended import ended_after, newest_result
from db.results.results import reports_of, study_page
from tests.helpers.many_studies import PUSH_TO, arrive_with_files, findings
from tests.helpers.rows import DIGEST, MODEL, T0
from watcher.queue.rerun import AT_ONCE

RESULTS = Path("/results")
REPUBLISH_S = 120.0
BELLS = 8


@dataclass(slots=True)
class Walk:
    """One study on its way, by number, and what is asked meanwhile."""

    number: int
    middle: int
    """Number of a study in the middle of the database."""
    rung: int = field(init=False)
    """The job of the study."""
    claims: list[Claim] = field(default_factory=list)

    @property
    def uid(self) -> str:
        """StudyInstanceUID of the study."""
        return f"2.25.{self.number}"

    def take_in(self, session: Session) -> None:
        self.rung = arrive_with_files(session, self.uid, slices=3)

    def reconcile(self, session: Session) -> None:
        jobs.running_leases(session)
        jobs.doorbells_unanswered(session, now=T0, republish_s=REPUBLISH_S)
        due = jobs.jobs_to_ring(session, now=T0, republish_s=REPUBLISH_S, limit=BELLS)
        jobs.mark_published(session, due, now=T0)

    def claim_next(self, session: Session) -> None:
        claim = jobs.claim_next(
            session,
            owner="w:1:a",
            now=T0,
            max_attempts=MAX_ATTEMPTS,
            model_version=MODEL,
            settings_digest=DIGEST,
        )
        self._keep(claim)

    def claim_rung(self, session: Session) -> None:
        self._keep(jobs.claim(session, self.rung, owner="w:1:b", now=T0, max_attempts=MAX_ATTEMPTS))

    def _keep(self, claim: Claim | None) -> None:
        if claim is None:
            raise RuntimeError("a job must wait, there is none")
        self.claims.append(claim)

    def beat(self, session: Session) -> None:
        jobs.beat(session, self.claims[0], "infer 40 %")

    def finalise(self, session: Session) -> None:
        claim = self.claims[0]
        found = findings(claim, f"2.25.{claim.job_id}")
        jobs.finalise(session, claim, found, now=T0, push_to=PUSH_TO)

    def hand_back(self, session: Session) -> None:
        jobs.release(
            session,
            self.claims[1],
            code="out_of_memory",
            message="no memory left",
            now=T0,
            run_after=T0,
            refund=False,
            max_attempts=MAX_ATTEMPTS,
        )

    def overview(self, session: Session) -> None:
        overview(session, now=T0)

    def outbox(self, session: Session) -> None:
        open_pushes(session)

    def left_alone(self, session: Session) -> None:
        left_alone(session)

    def first_page(self, session: Session) -> None:
        reports_of(session, study_page(session), results_dir=RESULTS)

    def middle_page(self, session: Session) -> None:
        reports_of(session, study_page(session, after=self.middle), results_dir=RESULTS)

    def one_study(self, session: Session) -> None:
        reports_of(session, study_page(session, self.uid), results_dir=RESULTS)

    def ended(self, session: Session) -> None:
        ended_after(session, newest_result(session) - 1)

    def known_series(self, session: Session) -> None:
        known_study(session, f"{self.uid}.1")

    def to_rerun(self, session: Session) -> None:
        part = range(self.middle, self.middle + AT_ONCE)
        jobs.studies_to_rerun(session, part, model_version=MODEL, settings_digest=DIGEST)


READS: Final[Mapping[str, Callable[[Walk, Session], None]]] = {
    "metseg status: counts, what runs, waits, failed": Walk.overview,
    "metseg status: what is not sent": Walk.outbox,
    "metseg status: files left alone": Walk.left_alone,
    "metseg results: the first page": Walk.first_page,
    "metseg results: a page in the middle": Walk.middle_page,
    "metseg results: one study": Walk.one_study,
    "metseg run: what has ended": Walk.ended,
    "watcher: the study of a series": Walk.known_series,
    f"watcher: which of {AT_ONCE} known studies run again": Walk.to_rerun,
}
WRITES: Final[Mapping[str, Callable[[Walk, Session], None]]] = {
    "watcher: take a study in": Walk.take_in,
    "watcher: leases and doorbells": Walk.reconcile,
    "worker: claim the next job": Walk.claim_next,
    "worker: claim the job of a doorbell": Walk.claim_rung,
    "worker: heartbeat": Walk.beat,
    "worker: finalise": Walk.finalise,
    "worker: hand a job back": Walk.hand_back,
}
