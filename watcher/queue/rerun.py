"""New weights or settings: studies that are still in the inbox run once more, after new ones."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from db.intake.files import ingested_files
from db.intake.fingerprint import Fingerprint
from db.jobs import create_job, studies_to_rerun
from watcher.intake.intake import JobKey

PRIORITY = -1
"""Below the 0 of a study that has just arrived."""


def rerun_known(
    session: Session,
    key: JobKey,
    *,
    stands: Callable[[str, Fingerprint], bool],
    now: datetime,
) -> list[int]:
    """Make jobs for known studies that have none with this key; results that are there already
    are made current again. Never commits.

    `stands` says whether a file of the inbox is as it was when it was taken in: one file of a study
    is enough. Returns the ids of the jobs.
    """
    jobs = []
    for study_id, snapshot_id in studies_to_rerun(session, key.model_version, key.settings_digest):
        if _is_present(session, study_id, stands):
            job_id = create_job(
                session,
                snapshot_id=snapshot_id,
                model_version=key.model_version,
                settings_digest=key.settings_digest,
                priority=PRIORITY,
                now=now,
            )
            if job_id is not None:
                jobs.append(job_id)
    return jobs


def _is_present(
    session: Session, study_id: int, stands: Callable[[str, Fingerprint], bool]
) -> bool:
    return any(stands(file.path, file.fingerprint) for file in ingested_files(session, study_id))
