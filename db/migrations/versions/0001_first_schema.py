"""The first schema: tables, and the views for people who write SQL."""

import sqlalchemy as sa
from alembic import op

from db.migrations.columns import TEXT64, WHEN, id_, may, need, point, ref, word

revision = "0001"
down_revision = None

TABLES = (
    *("study", "worker", "snapshot", "source_file", "instance", "job", "job_event", "result"),
    *("artifact", "dropped_candidate", "evaluation", "refused_reference", "lesion", "mask"),
    *("series", "push"),
)
PUSH_STATES = ("pending", "sending", "sent", "failed")
COUNTS = (
    *("found_below_3mm", "lesions_below_3mm", "found_3_to_5mm", "lesions_3_to_5mm"),
    *("found_5_to_10mm", "lesions_5_to_10mm", "found_from_10mm", "lesions_from_10mm"),
)
JOB_STATES = ("pending", "running", "succeeded", "failed", "cancelled")

CURRENT_RESULT = """
CREATE VIEW current_result AS
SELECT
    study.study_instance_uid, result.series_instance_uid, result.outcome, result.n_lesions,
    result.total_volume_mm3, result.agreement, evaluation.dice, job.model_version,
    snapshot.revision, result.created_at, result.directory, result.id AS result_id,
    result.job_id, result.study_id
FROM result
JOIN study ON study.id = result.study_id
JOIN job ON job.id = result.job_id
JOIN snapshot ON snapshot.id = job.snapshot_id
LEFT JOIN evaluation ON evaluation.id = (
    SELECT max(latest.id) FROM evaluation AS latest WHERE latest.result_id = result.id
)
WHERE result.is_current
"""
CURRENT_LESION = """
CREATE VIEW current_lesion AS
SELECT
    current_result.study_instance_uid, current_result.series_instance_uid, lesion.number,
    lesion.volume_mm3, lesion.longest_diameter_mm, lesion.perpendicular_diameter_mm,
    lesion.centroid_l_mm, lesion.centroid_p_mm, lesion.centroid_s_mm,
    lesion.mean_probability, lesion.measurable, lesion.possible, lesion.voxel_count,
    lesion.tracking_uid,
    current_result.model_version, current_result.result_id, current_result.study_id
FROM lesion
JOIN current_result ON current_result.result_id = lesion.result_id
"""


def upgrade() -> None:
    for make in (_study, _worker, _snapshot, _source_file, _instance, _job, _job_event, _result):
        make()
    for make in (_artifact, _dropped_candidate, _evaluation, _refused_reference, _lesion):
        make()
    for make in (_mask, _series, _push):
        make()
    op.execute(CURRENT_RESULT)
    op.execute(CURRENT_LESION)


def downgrade() -> None:
    op.execute("DROP VIEW current_lesion")
    op.execute("DROP VIEW current_result")
    for table in reversed(TABLES):
        op.drop_table(table)


def _study() -> None:
    op.create_table(
        "study",
        id_(),
        need("study_instance_uid", TEXT64),
        need("created_at", WHEN),
        sa.UniqueConstraint("study_instance_uid"),
    )


def _worker() -> None:
    op.create_table(
        "worker",
        id_(),
        need("role", word("role", "watcher", "worker")),
        need("name", sa.String(200)),
        need("host", sa.String(200)),
        need("pid", sa.Integer()),
        need("version", sa.String(50)),
        need("beat", sa.Integer()),
        need("started_at", WHEN),
        need("seen_at", WHEN),
        may("paused_reason", sa.Text()),
        sa.UniqueConstraint("name"),
    )


def _snapshot() -> None:
    op.create_table(
        "snapshot",
        id_(),
        ref("study"),
        need("revision", sa.Integer()),
        need("digest", TEXT64),
        need("n_instances", sa.Integer()),
        need("n_bytes", sa.BigInteger()),
        need("created_at", WHEN),
        sa.UniqueConstraint("study_id", "digest"),
        sa.UniqueConstraint("study_id", "revision"),
    )


def _source_file() -> None:
    op.create_table(
        "source_file",
        id_(),
        need("path", sa.Text()),
        need("size", sa.BigInteger()),
        need("mtime_ns", sa.BigInteger()),
        need("inode", sa.String(20)),
        need("first_seen_at", WHEN),
        need("status", word("filestatus", "seen", "settled", "ingested", "ignored", "quarantined")),
        may("reason", sa.Text()),
        may("sop_instance_uid", TEXT64),
        may("sha256", TEXT64),
        ref("study", nullable=True),
        sa.UniqueConstraint("path"),
    )
    op.create_index("ix_source_file_status", "source_file", ["status"])
    op.create_index("ix_source_file_study_id", "source_file", ["study_id"])


def _instance() -> None:
    op.create_table(
        "instance",
        id_(),
        ref("snapshot", ondelete="CASCADE"),
        need("series_instance_uid", TEXT64),
        need("sop_instance_uid", TEXT64),
        need("modality", sa.String(16)),
        need("size", sa.BigInteger()),
        need("sha256", TEXT64),
        sa.UniqueConstraint("snapshot_id", "sop_instance_uid"),
    )
    op.create_index("ix_instance_sha256", "instance", ["sha256"])


def _job() -> None:
    op.create_table(
        "job",
        id_(),
        ref("snapshot"),
        need("model_version", sa.String(100)),
        need("settings_digest", TEXT64),
        need("state", word("jobstate", *JOB_STATES)),
        need("priority", sa.Integer()),
        need("run_after", WHEN),
        need("attempt", sa.Integer()),
        need("wish", sa.Integer()),
        need("infra_retries", sa.Integer()),
        need("fence", sa.Integer()),
        need("hb_seq", sa.Integer()),
        may("owner", sa.String(200)),
        may("progress", sa.String(100)),
        may("claimed_at", WHEN),
        may("published_at", WHEN),
        may("finished_at", WHEN),
        may("error_code", sa.String(50)),
        may("error_message", sa.Text()),
        need("created_at", WHEN),
        sa.CheckConstraint("state <> 'running' OR owner IS NOT NULL", name="running_has_owner"),
        sa.CheckConstraint("state = 'running' OR owner IS NULL", name="only_running_has_owner"),
        sa.CheckConstraint(
            "attempt >= 0 AND fence >= 0 AND hb_seq >= 0", name="counters_not_negative"
        ),
        sa.UniqueConstraint("snapshot_id", "model_version", "settings_digest"),
    )
    op.create_index("ix_job_due", "job", ["state", "run_after", "priority"])


def _job_event() -> None:
    op.create_table(
        "job_event",
        id_(),
        ref("job"),
        need("at", WHEN),
        may("old_state", word("old_state", *JOB_STATES)),
        need("new_state", word("new_state", *JOB_STATES)),
        need("fence", sa.Integer()),
        need("actor", sa.String(200)),
        need("code", sa.String(50)),
        may("detail", sa.Text()),
    )
    op.create_index("ix_job_event_job_id", "job_event", ["job_id"])


def _result() -> None:
    op.create_table(
        "result",
        id_(),
        ref("job"),
        ref("study"),
        need("fence", sa.Integer()),
        need("is_current", sa.Boolean()),
        need("outcome", word("outcome", "segmented", "no_series")),
        may("series_instance_uid", TEXT64),
        may("n_lesions", sa.Integer()),
        may("total_volume_mm3", sa.Double()),
        may("agreement", sa.Double()),
        may("expected_dice", sa.Double()),
        may("entropy", sa.Double()),
        need("warnings", sa.JSON()),
        need("timings_s", sa.JSON()),
        need("versions", sa.JSON()),
        need("directory", sa.Text()),
        need("created_at", WHEN),
        may("brain_volume_ml", sa.Double()),
        *(may(f"brain_centroid_{axis}_mm", sa.Double()) for axis in "lps"),
        may("brain_cut", sa.JSON()),
        may("brain_height_mm", sa.Double()),
        may("brain_variation", sa.Double()),
        may("brain_certainty", sa.Double()),
        sa.UniqueConstraint("job_id"),
    )
    op.execute("CREATE UNIQUE INDEX uq_result_current ON result (study_id) WHERE is_current")


def _artifact() -> None:
    op.create_table(
        "artifact",
        id_(),
        ref("result", ondelete="CASCADE"),
        need("kind", sa.String(30)),
        need("path", sa.Text()),
        need("size", sa.BigInteger()),
        need("sha256", TEXT64),
        sa.UniqueConstraint("result_id", "kind", "path"),
    )


def _dropped_candidate() -> None:
    op.create_table(
        "dropped_candidate",
        id_(),
        ref("result", ondelete="CASCADE"),
        need("reason", sa.Text()),
        need("voxel_count", sa.Integer()),
        need("volume_mm3", sa.Double()),
        need("max_probability", sa.Double()),
        *point("centroid"),
    )
    op.create_index("ix_dropped_candidate_result_id", "dropped_candidate", ["result_id"])


def _evaluation() -> None:
    op.create_table(
        "evaluation",
        id_(),
        ref("result", ondelete="CASCADE"),
        need("reference_sha256", TEXT64),
        need("reference_kind", sa.String(30)),
        need("dice", sa.Double()),
        may("lesion_dice", sa.Double()),
        may("hd95_mm", sa.Double()),
        need("true_positives", sa.Integer()),
        need("false_positives", sa.Integer()),
        need("false_negatives", sa.Integer()),
        need("reference_volume_mm3", sa.Double()),
        need("volume_error_mm3", sa.Double()),
        need("created_at", WHEN),
        need("surface_dice", sa.Double()),
        may("lesion_surface_dice", sa.Double()),
        need("surface_dice_tolerance_mm", sa.Double()),
        may("relative_volume_error", sa.Double()),
        *(need(name, sa.Integer()) for name in COUNTS),
        may("labels", sa.JSON()),
        need("notes", sa.JSON()),
        sa.UniqueConstraint("result_id", "reference_sha256"),
    )


def _lesion() -> None:
    op.create_table(
        "lesion",
        id_(),
        ref("result", ondelete="CASCADE"),
        need("number", sa.Integer()),
        need("tracking_uid", TEXT64),
        need("voxel_count", sa.Integer()),
        need("volume_mm3", sa.Double()),
        need("longest_diameter_mm", sa.Double()),
        need("perpendicular_diameter_mm", sa.Double()),
        *point("centroid"),
        need("mean_probability", sa.Double()),
        need("max_probability", sa.Double()),
        need("slice_index", sa.Integer()),
        need("measurable", sa.Boolean()),
        need("possible", sa.Boolean()),
        sa.UniqueConstraint("result_id", "number"),
    )


def _mask() -> None:
    op.create_table(
        "mask",
        ref("result", ondelete="CASCADE", primary_key=True),
        need("nifti_gz", sa.LargeBinary()),
        need("sha256", TEXT64),
    )


def _series() -> None:
    op.create_table(
        "series",
        id_(),
        ref("result", ondelete="CASCADE"),
        need("series_instance_uid", TEXT64),
        need("modality", sa.String(16)),
        need("n_instances", sa.Integer()),
        need("chosen", sa.Boolean()),
        need("eligible", sa.Boolean()),
        need("score", sa.Double()),
        need("words", sa.Text()),
        need("reasons_for", sa.JSON()),
        need("reasons_against", sa.JSON()),
        sa.UniqueConstraint("result_id", "series_instance_uid"),
    )


def _refused_reference() -> None:
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


def _push() -> None:
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
