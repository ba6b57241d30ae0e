"""Column types that behave the same on SQLite and PostgreSQL."""

import enum
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import ColumnElement, DateTime, Dialect, Enum, literal
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import TypeDecorator

EnumT = TypeVar("EnumT", bound=enum.StrEnum)


class UtcDateTime(TypeDecorator[datetime]):
    """Time-zone-aware UTC. SQLite gives such columns back naive; this does not."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"datetime must be time-zone-aware, got {value!r}")
        return value.astimezone(UTC)

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def words(kind: type[enum.StrEnum], *, name: str | None = None) -> Enum:
    """A column of the enum's values, kept by a CHECK. (SQLAlchemy stores names by default.)

    `name` is the CHECK's; two columns of one enum in one table need two.
    """
    return Enum(
        kind,
        values_callable=lambda members: [member.value for member in members],
        native_enum=False,
        create_constraint=True,
        validate_strings=True,
        length=16,
        name=name or kind.__name__.lower(),
    )


def stands(column: InstrumentedAttribute[EnumT], word: EnumT) -> ColumnElement[bool]:
    """That a column of words has this one. It is written into the statement, not sent beside it:
    only so does every planner see which partial index holds the rows, and how many there are.
    """
    return column == literal(word, column.type, literal_execute=True)
