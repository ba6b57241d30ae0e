"""What is too small to be sure of: `lesion.possible`, and the same in the view."""

import sqlalchemy as sa
from alembic import op

from db.migrations.columns import may

revision = "0003"
down_revision = "0002"

# What the code called possible when this revision was written.
BELOW_MM3 = 20.0
CURRENT_LESION = """
CREATE VIEW current_lesion AS
SELECT
    current_result.study_instance_uid, current_result.series_instance_uid, lesion.number,
    lesion.volume_mm3, lesion.longest_diameter_mm, lesion.perpendicular_diameter_mm,
    lesion.centroid_l_mm, lesion.centroid_p_mm, lesion.centroid_s_mm,
    lesion.mean_probability, lesion.measurable,{possible} lesion.voxel_count, lesion.tracking_uid,
    current_result.model_version, current_result.result_id, current_result.study_id
FROM lesion
JOIN current_result ON current_result.result_id = lesion.result_id
"""


def upgrade() -> None:
    op.add_column("lesion", may("possible", sa.Boolean()))
    lesion = sa.table("lesion", sa.column("volume_mm3"), sa.column("possible", sa.Boolean()))
    op.execute(lesion.update().values(possible=lesion.c.volume_mm3 < BELOW_MM3))
    op.execute("DROP VIEW current_lesion")
    op.execute(CURRENT_LESION.format(possible=" lesion.possible,"))


def downgrade() -> None:
    op.execute("DROP VIEW current_lesion")
    op.drop_column("lesion", "possible")
    op.execute(CURRENT_LESION.format(possible=""))
