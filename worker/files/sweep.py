"""Takes away folders of results that no row refers to: what killed runs left behind.

Only folders of runs that this very database gave out, by its history, are ever touched: pointing
metseg at another database deletes nothing.
"""

import logging
import shutil
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from db.jobs.states import EventCode
from db.session import read_only
from db.tables.result_tables import Result
from db.tables.tables import Job, JobEvent, JobState
from metseg.processes import parse_owner
from worker.files.staging import RunName, found_runs

logger = logging.getLogger(__name__)


def sweep_results(sessions: sessionmaker[Session], results_dir: Path) -> list[Path]:
    """Remove orphaned folders of runs below `results_dir`. Returns them.

    The disk is read before the database: a folder of a live run is made after its claim and
    recorded before the run ends, so a run that looks ended and unrecorded now is orphaned for good.
    """
    found = {
        folder.relative_to(results_dir).as_posix(): run for run, folder in found_runs(results_dir)
    }
    if not found:
        return []
    with sessions.begin() as session:
        read_only(session)
        recorded = set(session.scalars(select(Result.directory)))
        orphans = [
            results_dir / directory
            for directory, run in found.items()
            if directory not in recorded and _has_ended(session, run)
        ]
    for folder in orphans:
        logger.info("sweeping %s", folder.relative_to(results_dir))
        shutil.rmtree(folder, ignore_errors=True)
    return orphans


def _has_ended(session: Session, run: RunName) -> bool:
    return _was_given_out(session, run) and not _is_live(session, run)


def _was_given_out(session: Session, run: RunName) -> bool:
    actors = session.scalars(
        select(JobEvent.actor).where(
            JobEvent.job_id == run.job_id,
            JobEvent.fence == run.fence,
            JobEvent.code == EventCode.CLAIMED,
        )
    )
    owners = (parse_owner(actor) for actor in actors)
    return any(owner is not None and owner.token == run.token for owner in owners)


def _is_live(session: Session, run: RunName) -> bool:
    held = select(Job.id).where(
        Job.id == run.job_id, Job.fence == run.fence, Job.state == JobState.RUNNING
    )
    return session.scalar(held) is not None
