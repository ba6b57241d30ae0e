"""How a database would answer the statements that a piece of code sends."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.orm import Session

from db.tables.push_tables import Push

TABLES = frozenset(Push.metadata.tables)
PLANNED = ("SELECT", "UPDATE", "DELETE")


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement, and the tables that its plan reads by an index and from end to end."""

    statement: str
    by_index: frozenset[str]
    whole: frozenset[str]


def plans_of(session: Session, work: Callable[[Session], object]) -> list[Plan]:
    """Plans of what `work` selects, updates and deletes, each made when the statement is sent."""
    engine = session.connection().engine
    reads = _sqlite_reads if engine.dialect.name == "sqlite" else _postgresql_reads
    plans: list[Plan] = []

    def explain(
        _connection: Connection, cursor: Any, sql: str, values: Any, _context: Any, many: bool
    ) -> None:
        if sql.startswith(PLANNED):
            found = list(reads(cursor.connection.cursor(), sql, values[0] if many else values))
            by_index = frozenset(table for table, is_whole in found if not is_whole)
            whole = frozenset(table for table, is_whole in found if is_whole)
            plans.append(Plan(sql, by_index & TABLES, whole & TABLES))

    event.listen(engine, "before_cursor_execute", explain)
    try:
        work(session)
    finally:
        event.remove(engine, "before_cursor_execute", explain)
    return plans


def _sqlite_reads(cursor: Any, sql: str, values: Any) -> Iterator[tuple[str, bool]]:
    """Of lines such as ``SCAN job_1``, ``SEARCH job USING INDEX ix_job_next (state=?)``."""
    for *_, line in cursor.execute(f"EXPLAIN QUERY PLAN {sql}", values):
        if found := re.match(r"(SCAN|SEARCH) (\w+?)(_\d+)?( |$)", line):
            yield found[2], found[1] == "SCAN"


def _postgresql_reads(cursor: Any, sql: str, values: Any) -> Iterator[tuple[str, bool]]:
    (plan,) = cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", values).fetchone()[0]
    return _nodes(plan["Plan"], stops=False)


def _nodes(node: Mapping[str, Any], *, stops: bool) -> Iterator[tuple[str, bool]]:
    """`stops`: what is read here ends at a LIMIT, however many rows there are."""
    if "Relation Name" in node and "Scan" in node["Node Type"]:
        yield node["Relation Name"], node["Node Type"] == "Seq Scan" and not stops
    for inner in node.get("Plans", ()):
        yield from _nodes(inner, stops=node["Node Type"] == "Limit")
