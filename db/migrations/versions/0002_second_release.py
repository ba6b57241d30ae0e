"""What the second release records: more measures against a reference, and an outbox."""

import sqlalchemy as sa
from alembic import op

from db.migrations.columns import TEXT64, WHEN, id_, may, need, ref, word

revision = "0002"
down_revision = "0001"

MEASURES = (
    *("surface_dice", "lesion_surface_dice"),
    *("surface_dice_tolerance_mm", "relative_volume_error"),
)
COUNTS = (
    *("found_below_3mm", "lesions_below_3mm", "found_3_to_5mm", "lesions_3_to_5mm"),
    *("found_5_to_10mm", "lesions_5_to_10mm", "found_from_10mm", "lesions_from_10mm"),
)
PUSH_STATES = ("pending", "sending", "sent", "failed")


def upgrade() -> None:
    _add_measures()
    _add_push()


def downgrade() -> None:
    op.drop_table("push")
    _drop_measures()


def _add_push() -> None:
    """The outbox of results that are sent to other DICOM applications."""
    op.create_table(
        "push",
        id_(),
        ref("result", ondelete="CASCADE"),
        ref("artifact", ondelete="CASCADE"),
        need("destination", sa.String(300)),
        need("automatic", sa.Boolean()),
        need("state", word("pushstate", *PUSH_STATES)),
        may("sop_instance_uid", TEXT64),
        need("attempt", sa.Integer()),
        need("fence", sa.Integer()),
        may("owner", sa.String(200)),
        need("run_after", WHEN),
        may("error_code", sa.String(40)),
        may("error_message", sa.Text()),
        need("created_at", WHEN),
        may("sent_at", WHEN),
        sa.UniqueConstraint("artifact_id", "destination"),
    )
    op.create_index("ix_push_result_id", "push", ["result_id"])
    op.create_index("ix_push_state_run_after", "push", ["state", "run_after"])


def _add_measures() -> None:
    """NULL in the rows that an older metseg wrote: it did not measure these."""
    for name in MEASURES:
        op.add_column("evaluation", may(name, sa.Double()))
    for name in COUNTS:
        op.add_column("evaluation", may(name, sa.Integer()))


def _drop_measures() -> None:
    for name in reversed(MEASURES + COUNTS):
        op.drop_column("evaluation", name)
