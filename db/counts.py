"""How many rows stand at each word of a column, for people: no count takes long."""

import enum
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.tables.types import stands

COUNTED_UP_TO = 5_000
"""`metseg run` counts four times a second, and a database must look at each row that it counts."""
MORE = COUNTED_UP_TO + 1
"""What is answered where there are more."""

EnumT = TypeVar("EnumT", bound=enum.StrEnum)


def counts(
    session: Session, column: InstrumentedAttribute[EnumT], kind: type[EnumT]
) -> dict[EnumT, int]:
    """Rows at each word of an indexed column; `MORE` where there are more, nothing for none."""
    numbers = [
        select(func.count())
        .select_from(select(column).where(stands(column, word)).limit(MORE).subquery())
        .scalar_subquery()
        for word in kind
    ]
    found = zip(kind, session.execute(select(*numbers)).one(), strict=True)
    return {word: number for word, number in found if number}


def shown(number: int) -> str:
    """A count for people: ``5000+`` where there are more."""
    return str(number) if number < MORE else f"{COUNTED_UP_TO}+"
