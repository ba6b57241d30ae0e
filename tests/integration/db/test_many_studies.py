"""The generator of large databases makes what the daemon itself would have made."""

from collections import Counter

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from db.tables.tables import Job, JobState, Study
from tests.helpers import invariants
from tests.helpers.many_studies import MADE, make_studies
from tests.helpers.rows import new_job

CHECKS = (
    invariants.one_current_result_per_study,
    invariants.counts_and_sums_agree,
    invariants.history_leads_to_the_state,
)


def test_copied_studies_hold_the_invariants(engine: Engine) -> None:
    make_studies(engine, 2 * MADE)
    with Session(engine) as session:
        assert [breach for check in CHECKS for breach in check(session)] == []


def test_copies_have_the_states_of_what_they_copy_and_ids_of_their_own(engine: Engine) -> None:
    make_studies(engine, 3 * MADE)
    with Session(engine) as session:
        assert session.scalar(select(func.count(Study.study_instance_uid.distinct()))) == 3 * MADE
        # Late slices cancel one job and, after a result, make one more: 202 jobs of 200 studies.
        assert Counter(session.scalars(select(Job.state))) == {
            JobState.SUCCEEDED: 3 * 199,
            JobState.FAILED: 3,
            JobState.PENDING: 3,
            JobState.CANCELLED: 3,
        }
        assert new_job(session, study="1.2") > 3 * 202
