"""How references were read, and those that were refused."""

import sqlalchemy as sa
from alembic import op

from db.migrations.columns import TEXT64, WHEN, id_, may, need, ref

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for name in ("labels", "notes"):
        op.add_column("evaluation", may(name, sa.JSON()))
    op.create_table(
        "refused_reference",
        id_(),
        ref("result", ondelete="CASCADE"),
        need("reference_sha256", TEXT64),
        need("reference_kind", sa.String(30)),
        need("reason", sa.Text()),
        need("created_at", WHEN),
        sa.UniqueConstraint("result_id", "reference_sha256"),
    )


def downgrade() -> None:
    op.drop_table("refused_reference")
    for name in ("notes", "labels"):
        op.drop_column("evaluation", name)
