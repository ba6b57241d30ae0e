"""Who did what, in lines that nobody can change."""

import sqlalchemy as sa
from alembic import op

from db.migrations.columns import WHEN, id_, may, need

revision = "0004"
down_revision = "0003"

REFUSAL = "audit lines cannot be changed or deleted"
SQLITE = (
    "CREATE TRIGGER audit_keeps_lines_on_{event} BEFORE {event} ON audit"
    f" BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
)
FUNCTION = (
    "CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS"
    f" $$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$"
)
TRIGGER = (
    "CREATE TRIGGER audit_keeps_lines BEFORE UPDATE OR DELETE OR TRUNCATE ON audit"
    " FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()"
)


def upgrade() -> None:
    op.create_table(
        "audit",
        id_(),
        need("at", WHEN),
        need("actor", sa.String(200)),
        need("action", sa.String(16)),
        may("study_id", sa.BigInteger()),
        may("job_id", sa.BigInteger()),
        need("detail", sa.Text()),
    )
    op.create_index("ix_audit_study_id", "audit", ["study_id"])
    for statement in _triggers():
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER audit_keeps_lines ON audit")
        op.execute("DROP FUNCTION refuse_audit_change")
    op.drop_index("ix_audit_study_id", "audit")
    op.drop_table("audit")


def _triggers() -> tuple[str, ...]:
    if op.get_bind().dialect.name == "postgresql":
        return FUNCTION, TRIGGER
    return tuple(SQLITE.format(event=event) for event in ("UPDATE", "DELETE"))
