"""Fixtures of the watcher's tests."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from db.session import make_engine, session_factory
from tests.integration.watcher.watcher_site import WatcherSite
from watcher.archives import archives


@pytest.fixture
def site(tmp_path: Path, migrated_url: str, sessions: sessionmaker[Session]) -> WatcherSite:
    """A watcher with its inbox, on both databases."""
    return WatcherSite(tmp_path, migrated_url, sessions)


@pytest.fixture
def sqlite_site(tmp_path: Path, sqlite_url: str, _migrated_sqlite: Path) -> Iterator[WatcherSite]:
    """A watcher with its inbox on SQLite alone, for what does not depend on the database."""
    shutil.copyfile(_migrated_sqlite, sqlite_url.removeprefix("sqlite:///"))
    engine = make_engine(sqlite_url)
    try:
        yield WatcherSite(tmp_path, sqlite_url, session_factory(engine))
    finally:
        engine.dispose()


@pytest.fixture
def wait_for_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a step wait for the child that unpacks, so that only the test's own clock counts."""
    monkeypatch.setattr(archives, "WAIT_S", 60.0)
