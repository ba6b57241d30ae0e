"""Takes away folders of results that no row refers to: what killed runs left behind.

Only folders of runs that this very database gave out, by its history, are ever touched: pointing
metseg at another database deletes nothing.
"""

import logging
import shutil
from pathlib import Path

from sqlalchemy.orm import Session, sessionmaker

from db.jobs import claimants, holds_fence
from db.results.results import recorded_directories
from db.session import read_only
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
        recorded = recorded_directories(session)
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
    return _was_given_out(session, run) and not holds_fence(session, run.job_id, run.fence)


def _was_given_out(session: Session, run: RunName) -> bool:
    owners = (parse_owner(actor) for actor in claimants(session, run.job_id, run.fence))
    return any(owner is not None and owner.token == run.token for owner in owners)
