"""How much brain the networks saw, and where: a result without lesions is of something."""

import sqlalchemy as sa
from alembic import op

from db.migrations.columns import may

revision = "0004"
down_revision = "0003"

MEASURES = (
    *("brain_volume_ml", "brain_centroid_l_mm"),
    *("brain_centroid_p_mm", "brain_centroid_s_mm"),
)


def upgrade() -> None:
    """NULL in the rows that an older metseg wrote: it did not measure these."""
    for name in MEASURES:
        op.add_column("result", may(name, sa.Double()))


def downgrade() -> None:
    for name in reversed(MEASURES):
        op.drop_column("result", name)
