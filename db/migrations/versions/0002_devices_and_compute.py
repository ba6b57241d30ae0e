"""What results were computed on, and which devices workers hold."""

import sqlalchemy as sa
from alembic import op

from db.migrations.columns import may

revision = "0002"
down_revision = "0001"

COLUMNS = (
    ("result", "compute", sa.JSON()),
    ("worker", "device", sa.Text()),
    ("worker", "devices_left_out", sa.Text()),
)


def upgrade() -> None:
    for table, name, kind in COLUMNS:
        op.add_column(table, may(name, kind))


def downgrade() -> None:
    for table, name, _ in reversed(COLUMNS):
        op.drop_column(table, name)
