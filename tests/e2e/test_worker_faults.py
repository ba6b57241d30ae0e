"""Faults on real processes: whatever is killed, stopped or lost, each study is recorded once, without a hand.

Each test runs embedded (SQLite) and as a server (PostgreSQL, Redis, Celery) where the fault exists in both.
"""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from db.result_tables import Result
from db.tables import Job, JobEvent, JobState
from tests.e2e.site import Proc, Site

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

EMBEDDED = pytest.param("embedded", id="embedded")
SERVER = pytest.param("server", id="server", marks=pytest.mark.services)


@pytest.fixture(params=[EMBEDDED, SERVER])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A site in both ways to run."""
    yield from _site(request, tmp_path, str(request.param))


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A site with PostgreSQL, Redis and Celery."""
    yield from _site(request, tmp_path, "server")


def _site(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> Iterator[Site]:
    if kind == "embedded":
        made = Site(tmp_path, f"sqlite:///{tmp_path / 'metseg.sqlite3'}")
    else:
        made = Site(
            tmp_path,
            str(request.getfixturevalue("postgres_url")),
            broker_url=str(request.getfixturevalue("redis_url")),
        )
    try:
        yield made
    finally:
        made.close()


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


def child_of(site: Site, worker: Proc) -> int:
    """Process id of the child that runs jobs."""
    site.until(lambda: worker.child() is not None, "the worker has a child")
    child = worker.child()
    assert child is not None
    return int(child.pid)


def test_a_study_dropped_into_the_inbox_is_recorded_once(site: Site) -> None:
    site.watcher(), site.worker()
    study = site.drop("quiet", slices=12)
    site.until_state(study, JobState.SUCCEEDED, seconds=40)
    assert events(site, study) == ["created", "claimed", "finalised"]
    assert n_results(site) == 1
    site.check()
