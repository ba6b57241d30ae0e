"""Fixtures of the watcher's tests."""

from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from tests.integration.watcher.desk import Desk


@pytest.fixture
def desk(tmp_path: Path, migrated_url: str, sessions: sessionmaker[Session]) -> Desk:
    """A watcher's desk, on both databases."""
    return Desk(tmp_path, migrated_url, sessions)
