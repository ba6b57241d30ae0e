"""Indices with which no statement that is often asked reads a large table."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

WAITS = sa.text("state = 'pending'")
WAITING = {
    "ix_job_next": ["state", "priority", "id"],
    "ix_job_rung": ["state", "published_at"],
}
"""With the state, though it is the same in all rows: without it SQLite prefers other indices."""


def upgrade() -> None:
    op.drop_index("ix_job_due", "job")
    op.create_index("ix_job_state_id", "job", ["state", "id"])
    for name, columns in WAITING.items():
        op.create_index(name, "job", columns, sqlite_where=WAITS, postgresql_where=WAITS)
    op.create_index("ix_result_study_id", "result", ["study_id"])
    op.drop_index("ix_source_file_status", "source_file")
    op.create_index("ix_source_file_status_id", "source_file", ["status", "id"])
    op.create_index("ix_instance_series_instance_uid", "instance", ["series_instance_uid"])


def downgrade() -> None:
    op.drop_index("ix_instance_series_instance_uid", "instance")
    op.drop_index("ix_source_file_status_id", "source_file")
    op.create_index("ix_source_file_status", "source_file", ["status"])
    op.drop_index("ix_result_study_id", "result")
    for name in (*WAITING, "ix_job_state_id"):
        op.drop_index(name, "job")
    op.create_index("ix_job_due", "job", ["state", "run_after", "priority"])
