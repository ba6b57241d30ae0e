"""What is asked often reads no large table from end to end, whatever the number of studies."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from benchmarks.questions import READS, WRITES, Walk
from db.session import make_engine
from db.tables.result_tables import Result
from db.upgrade import migrate
from tests.conftest import ON_BOTH
from tests.helpers.many_studies import make_studies
from tests.helpers.plans import Plan, plans_of

QUESTIONS = WRITES | READS
STUDIES = {"sqlite": 1_200, "postgresql": 20_000}
"""SQLite plans without looking at the rows; PostgreSQL reads small tables whole, and rightly so."""
LARGE = 1000
"""Rows of a table that is not to be read from end to end."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The tables that are large, and the plans by question."""

    large: frozenset[str]
    plans: Mapping[str, list[Plan]]


@pytest.fixture(scope="module", params=ON_BOTH)
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('plans') / 'metseg.sqlite3'}"
    else:
        url = request.getfixturevalue("_postgres").new_database()
    migrate(url)
    engine = make_engine(url)
    try:
        make_studies(engine, STUDIES[request.param])
        return Seen(large_tables(engine), planned(engine, middle=STUDIES[request.param] // 2))
    finally:
        engine.dispose()


def large_tables(engine: Engine) -> frozenset[str]:
    with engine.connect() as connection:
        return frozenset(
            name
            for name, table in Result.metadata.tables.items()
            if (connection.scalar(select(func.count()).select_from(table)) or 0) >= LARGE
        )


def planned(engine: Engine, *, middle: int) -> Mapping[str, list[Plan]]:
    walk = Walk(10**24, middle)
    with Session(engine) as session:
        return {name: plans_of(session, partial(ask, walk)) for name, ask in QUESTIONS.items()}


@pytest.mark.parametrize("name", QUESTIONS)
def test_what_is_asked_often_finds_rows_of_large_tables_by_an_index(seen: Seen, name: str) -> None:
    plans = seen.plans[name]
    assert plans
    for plan in plans:
        assert not plan.whole & seen.large, plan
    assert any(plan.by_index & seen.large for plan in plans)


def test_most_tables_are_large(seen: Seen) -> None:
    assert {"study", "snapshot", "instance", "job", "job_event", "result", "source_file"} < (
        seen.large
    )


def test_a_table_that_is_read_from_end_to_end_is_noticed(engine: Engine) -> None:
    with Session(engine) as session:
        (plan,) = plans_of(session, lambda session: session.scalars(select(Result.directory)).all())
    assert (plan.whole, plan.by_index) == ({"result"}, frozenset())
