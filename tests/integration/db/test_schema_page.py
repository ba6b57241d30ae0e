"""docs/schema.md: its ten queries answer, and it names every table and column."""

import re
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, text
from sqlalchemy.orm import Session, sessionmaker

from db import jobs
from db.intake.files import see, set_status
from db.intake.fingerprint import Fingerprint
from db.tables.result_tables import Result
from db.tables.tables import FileStatus
from tests.helpers.places import ROOT
from tests.helpers.rows import T0, found, new_job, no_series, take

PAGE = ROOT / "docs" / "schema.md"
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)

HISTORY = [
    (None, "pending", "created", "intake", None),
    ("pending", "running", "claimed", "w:1:a", "attempt 1 of 3"),
    ("running", "succeeded", "finalised", "w:1:a", None),
]
ANSWERS: list[list[tuple[Any, ...]]] = [
    [
        ("1.2.3", "segmented", 3, pytest.approx(0.366667, abs=1e-6), 0.8),
        ("1.4", "no_series", *3 * (None,)),
    ],
    [(1, 200.0, 12.5, 6.5), (2, 100.0, 12.5, 6.5), (3, pytest.approx(66.6667), 12.5, 6.5)],
    [("1.2.3", 3, 37.5)],
    [(5, "1.6", "running", "infer 40 %", None), (4, "1.5", "pending", None, None)],
    [(6, "1.7", "geometry_invalid", "a gap", 1)],
    [("1.2.1", 3, 0.0)],
    [(1, "fake-1", 2, 300.0, False), (2, "fake-1", 3, pytest.approx(366.6667), True)],
    [("fake-1", 1, 0.8, 0.95)],
    HISTORY,
    [("two contents", 2), ("too large", 1)],
]
"""What each query gives in `a_week_of_studies`, without times and JSON."""


def a_week_of_studies(session: Session) -> None:
    """Jobs 1 to 6: two revisions, a study without series, a waiting, a running, a failed one."""
    for slices, lesions in ((3, 2), (4, 3)):
        claim = take(session, new_job(session, study="1.2.3", slices=slices))
        jobs.finalise(session, claim, found(claim, lesions=lesions), now=T0)
    claim = take(session, new_job(session, study="1.4"))
    jobs.finalise(session, claim, no_series(claim), now=T0)
    new_job(session, study="1.5")
    claim = take(session, new_job(session, study="1.6"))
    jobs.beat(session, claim, "infer 40 %")
    session.execute(text("UPDATE job SET priority = 1 WHERE id = 5"))
    claim = take(session, new_job(session, study="1.7"))
    jobs.fail(session, claim, code="geometry_invalid", message="a gap", now=T0)
    files = see(session, {name: Fingerprint(1, 1, 1) for name in "abc"}, now=T0)
    for name, reason in (("a", "two contents"), ("b", "two contents"), ("c", "too large")):
        set_status(session, [files[name].id], FileStatus.QUARANTINED, reason=reason)


def plain(row: Any) -> tuple[Any, ...]:
    """A row without times and JSON; SQLite stores 0 and 1 for a truth value."""
    keep = {
        key: value
        for key, value in row.items()
        if key not in ("run_after", "at", "reasons_against")
    }
    if "is_current" in keep:
        keep["is_current"] = bool(keep["is_current"])
    return tuple(keep.values())


def test_the_ten_queries_of_the_schema_page_give_what_they_say(
    sessions: sessionmaker[Session],
) -> None:
    with sessions.begin() as session:
        a_week_of_studies(session)
    with sessions.begin() as session:
        answers = [
            [plain(row) for row in session.execute(text(query)).mappings()] for query in QUERIES
        ]
    assert answers == ANSWERS
    assert len(QUERIES) == 10


def test_the_schema_page_names_every_table_and_column() -> None:
    sections = dict(
        re.findall(r"### (\w+)\n(.*?)(?=\n##|\Z)", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    )
    assert sorted(sections) == sorted(Result.metadata.tables)
    missing = [
        f"{table}.{column.name}"
        for table, section in sections.items()
        for column in Result.metadata.tables[table].columns
        if f"`{column.name}`" not in section
    ]
    assert missing == []


def test_the_schema_page_names_the_columns_of_the_views(engine: Engine) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for view in ("current_result", "current_lesion"):
        (line,) = re.findall(rf"\| `{view}` \|.*", page)
        told = re.findall(r"`(\w+)`", line)[1:]
        assert told == [column["name"] for column in inspect(engine).get_columns(view)]
