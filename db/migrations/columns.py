"""Helpers that revisions are written with. Frozen: a revision that needs another brings its own.

Names of constraints come from the naming convention of `db.tables.tables.Base`.
"""

from typing import Any

import sqlalchemy as sa

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WHEN = sa.DateTime(timezone=True)
TEXT64 = sa.String(64)


def id_() -> sa.Column[int]:
    """The primary key that counts up by itself."""
    return sa.Column("id", ID, primary_key=True)


def ref(
    table: str, *, nullable: bool = False, ondelete: str | None = None, primary_key: bool = False
) -> sa.Column[int]:
    """A column `<table>_id` that refers to `table`."""
    return sa.Column(
        f"{table}_id",
        ID,
        sa.ForeignKey(f"{table}.id", ondelete=ondelete),
        nullable=nullable,
        primary_key=primary_key,
    )


def need(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    """A column that always has a value."""
    return sa.Column(name, kind, nullable=False)


def may(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    """A column that may be NULL."""
    return sa.Column(name, kind, nullable=True)


def point(name: str) -> list[sa.Column[Any]]:
    """A place in the patient, LPS, mm, in three columns."""
    return [need(f"{name}_{axis}_mm", sa.Double()) for axis in "lps"]


def word(name: str, *values: str) -> sa.Enum:
    """Text that is one of `values`, held by a CHECK."""
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=16)
