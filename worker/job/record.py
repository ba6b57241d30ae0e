"""The last step of a job: one fenced commit, and what to do when its answer never comes.

A connection that breaks in COMMIT leaves open whether the database took it. The job's row says so:
with our fence and the state we wanted, it did; with our fence and RUNNING, we may try again; with
anything else, the job is not ours any more.
"""

import logging
import time
from collections.abc import Callable, Collection
from typing import TypeVar

from sqlalchemy.orm import Session, sessionmaker

from db.jobs import Claim, standing
from db.tables.tables import JobState
from db.trouble import is_database_away
from metseg.errors import LostLeaseError

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")

AGAIN_S = 0.5
"""Pause between tries while the database does not answer."""


def commit(
    sessions: sessionmaker[Session],
    claim: Claim,
    change: Callable[[Session], Answer],
    *,
    reached: Collection[JobState],
    seconds_left: Callable[[], float],
    sleep: Callable[[float], None] = time.sleep,
) -> Answer | None:
    """Run `change`, which moves our job to one of `reached`, in one transaction; again while the
    lease lasts.

    Returns what `change` returned; None when an earlier try had been committed after all.

    Raises
    ------
    LostLeaseError
        The job is somebody else's.
    sqlalchemy.exc.DBAPIError
        The database did not answer until the lease ended, or refused the change.
    """
    tried = False
    while True:
        try:
            if tried and _was_taken(sessions, claim, reached):
                return None
            with sessions.begin() as session:
                return change(session)
        except Exception as error:
            if not is_database_away(error) or seconds_left() <= 0:
                raise
            logger.warning("job %d: the database does not answer, trying again", claim.job_id)
            tried = True
            sleep(AGAIN_S)


def _was_taken(
    sessions: sessionmaker[Session], claim: Claim, reached: Collection[JobState]
) -> bool:
    with sessions.begin() as session:
        now = standing(session, claim.job_id)
    if now is not None and now.fence == claim.fence:
        if now.state in reached:
            return True
        if now.state is JobState.RUNNING:
            return False
    raise LostLeaseError(f"job {claim.job_id} must hold fence {claim.fence}, got {now}")
