"""Sites of both kinds, embedded and server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.site import Site

EMBEDDED = pytest.param("embedded", id="embedded")
SERVER = pytest.param("server", id="server", marks=pytest.mark.services)


@pytest.fixture(params=[EMBEDDED, SERVER])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A site of each kind: embedded, then server."""
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
