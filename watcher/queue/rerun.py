"""New weights or settings: studies that are still in the inbox run once more, after new ones."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session, sessionmaker

from db.intake.files import ingested_files
from db.intake.fingerprint import Fingerprint
from db.jobs import create_job, snapshots_so_far, studies_to_rerun
from db.session import read_only
from watcher.intake.intake import JobKey

PRIORITY = -1
"""Below the 0 of a study that has just arrived."""
AT_ONCE = 500
"""Snapshots that are looked at in one transaction: heartbeats go on in between."""

Stands = Callable[[str, Fingerprint], bool]
"""Whether a file of the inbox is as it was when it was taken in."""


def rerun_known(
    sessions: sessionmaker[Session],
    key: JobKey,
    *,
    stands: Stands,
    now: datetime,
    meanwhile: Callable[[], object],
    at_once: int = AT_ONCE,
) -> int:
    """Make jobs for known studies that have none with this key; results that are there already
    are made current again.

    One file of a study that stands is enough. Works in many small transactions, with `meanwhile` in
    between; where it is broken off, it can be called again. Returns the number of jobs.
    """
    with sessions() as session:
        known = snapshots_so_far(read_only(session))
    made = 0
    for first in range(0, len(known), at_once):
        made += _rerun_part(sessions, known[first : first + at_once], key, stands=stands, now=now)
        meanwhile()
    return made


def _rerun_part(
    sessions: sessionmaker[Session], part: range, key: JobKey, *, stands: Stands, now: datetime
) -> int:
    """Looks at files before the transaction that writes: a share may be slow."""
    with sessions() as session:
        missing = _missing(read_only(session), part, key)
        present = {one for one in missing if _is_there(session, one, stands)}
    if not present:
        return 0
    with sessions.begin() as session:
        todo = [one for one in _missing(session, part, key) if one in present]
        return sum(_rerun(session, snapshot_id, key, now=now) for _, snapshot_id in todo)


def _missing(session: Session, part: range, key: JobKey) -> list[tuple[int, int]]:
    return studies_to_rerun(
        session, part, model_version=key.model_version, settings_digest=key.settings_digest
    )


def _is_there(session: Session, study: tuple[int, int], stands: Stands) -> bool:
    study_id, _ = study
    return any(stands(file.path, file.fingerprint) for file in ingested_files(session, study_id))


def _rerun(session: Session, snapshot_id: int, key: JobKey, *, now: datetime) -> bool:
    job_id = create_job(
        session,
        snapshot_id=snapshot_id,
        model_version=key.model_version,
        settings_digest=key.settings_digest,
        priority=PRIORITY,
        now=now,
    )
    return job_id is not None
