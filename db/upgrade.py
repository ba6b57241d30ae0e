"""Schema migrations, from inside the installed package."""

from sqlalchemy import Engine

from db import result_tables  # noqa: F401
from db.session import make_engine
from db.tables import Base


def migrate(url: str) -> None:
    """Stub until the migration lands."""
    engine: Engine = make_engine(url)
    Base.metadata.create_all(engine)
    engine.dispose()
