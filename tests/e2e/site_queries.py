"""Queries that tests make about a site."""

from sqlalchemy import func, select

from db.tables.result_tables import Result
from db.tables.tables import JobEvent
from tests.e2e.proc import Proc
from tests.e2e.site import Site


def n_results(site: Site) -> int:
    with site.sessions() as session:
        return session.scalar(select(func.count()).select_from(Result)) or 0


def events(site: Site, study_uid: str) -> list[str]:
    """Codes of the history of a study's newest job."""
    job = site.job(study_uid)
    assert job is not None
    with site.sessions() as session:
        query = select(JobEvent.code).where(JobEvent.job_id == job.id).order_by(JobEvent.id)
        return list(session.scalars(query))


def events_or_none(site: Site, study_uid: str) -> list[str]:
    """As `events`; empty as long as there is no job."""
    return [] if site.job(study_uid) is None else events(site, study_uid)


def child_of(site: Site, worker: Proc) -> int:
    """Process id of the child that runs jobs."""
    site.until(lambda: worker.child() is not None, "the worker has a child")
    child = worker.child()
    assert child is not None
    return int(child.pid)
