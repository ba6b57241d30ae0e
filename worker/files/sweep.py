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

    A folder of a live run is made after its claim, and recorded in the transaction that ends the
    run. So the disk is read first, then which runs have ended, then what is recorded: of a run that
    had ended by then, nothing is recorded later. PostgreSQL shows each statement what was committed
    before it; asked the other way round, a run that is recorded in between looks like an orphan.
    """
    found = {
        folder.relative_to(results_dir).as_posix(): run for run, folder in found_runs(results_dir)
    }
    if not found:
        return []
    with sessions.begin() as session:
        read_only(session)
        unrecorded = set(found) - recorded_directories(session)  # few: the others need no look
        ended = {one for one in unrecorded if _has_ended(session, found[one])}
        recorded = recorded_directories(session) if ended else set()
        orphans = [results_dir / one for one in sorted(ended - recorded)]
    for folder in orphans:
        logger.info("sweeping %s", folder.relative_to(results_dir))
        shutil.rmtree(folder, ignore_errors=True)
    return orphans


def _has_ended(session: Session, run: RunName) -> bool:
    return _was_given_out(session, run) and not holds_fence(session, run.job_id, run.fence)


def _was_given_out(session: Session, run: RunName) -> bool:
    owners = (parse_owner(actor) for actor in claimants(session, run.job_id, run.fence))
    return any(owner is not None and owner.token == run.token for owner in owners)
