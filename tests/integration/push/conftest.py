"""An outbox on SQLite; the SQL itself is tested on both databases beside it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from db.session import make_engine, session_factory
from db.upgrade import migrate
from metseg.settings import Settings
from tests.helpers.outbox import Outbox


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    settings = Settings(home=tmp_path / "home", backoff_s=60.0)
    migrate(settings.database)
    engine = make_engine(settings.database)
    yield Outbox(settings, session_factory(engine))
    engine.dispose()
