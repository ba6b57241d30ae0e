"""Run by Alembic. `db.upgrade` hands over the connection; there is no alembic.ini."""

from typing import Literal

from alembic import context
from sqlalchemy import Connection

from db.tables.audit_table import AuditLine
from db.tables.push_tables import Push
from db.tables.types import UtcDateTime


def _plain_types(kind: str, item: object, _context: object) -> str | Literal[False]:
    """New revisions spell our own column types in SQLAlchemy's words, so that they stay frozen."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


TABLES = (AuditLine, Push)
"""Importing them makes their tables, and all that they refer to, known to the metadata."""

connection: Connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=TABLES[0].metadata,
    render_as_batch=True,
    render_item=_plain_types,
)
with context.begin_transaction():
    context.run_migrations()
