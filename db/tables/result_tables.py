"""The tables of what was found: a result and all that hangs under it."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.tables import SHA256, UID, Base, Id, Outcome
from db.tables.types import UtcDateTime, words


class Result(Base):
    """What a job found. Never overwritten: newer ones stand beside it, one per study is current."""

    __tablename__ = "result"
    __table_args__ = (
        Index(
            "uq_result_current",
            "study_id",
            unique=True,
            sqlite_where=text("is_current"),
            postgresql_where=text("is_current"),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), unique=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    fence: Mapped[int]
    is_current: Mapped[bool]
    outcome: Mapped[Outcome] = mapped_column(words(Outcome))
    series_instance_uid: Mapped[str | None] = mapped_column(UID)
    """The series that was segmented; None with `no_series`."""
    n_lesions: Mapped[int | None]
    total_volume_mm3: Mapped[float | None]
    agreement: Mapped[float | None]
    """Overlap of the members' own masks. It is not called Dice, since no reference is involved."""
    expected_dice: Mapped[float | None]
    entropy: Mapped[float | None]
    warnings: Mapped[list[str]] = mapped_column(JSON)
    timings_s: Mapped[dict[str, float]] = mapped_column(JSON)
    """Seconds by stage: read, prepare, infer, lesions, write."""
    versions: Mapped[dict[str, Any]] = mapped_column(JSON)
    directory: Mapped[str] = mapped_column(Text)
    """Relative to the results folder; its name carries job and fence."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    brain_volume_ml: Mapped[float | None]
    """The brain as the networks see it (`imaging.brain_seen`); None where no network sees one."""
    brain_centroid_l_mm: Mapped[float | None]
    brain_centroid_p_mm: Mapped[float | None]
    brain_centroid_s_mm: Mapped[float | None]
    brain_cut: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    """Sides of the scan at which the brain goes on."""
    brain_height_mm: Mapped[float | None]
    brain_variation: Mapped[float | None]
    brain_certainty: Mapped[float | None]
    compute: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """Device, engine, precision, batch and threads (`metseg.compute`); None where nothing was
    segmented, or the ensemble does not say.
    """


class SeriesChoice(Base):
    """Every series of the study that a result looked at, and why it was taken or not."""

    __tablename__ = "series"
    __table_args__ = (UniqueConstraint("result_id", "series_instance_uid"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    result_id: Mapped[int] = mapped_column(ForeignKey("result.id", ondelete="CASCADE"))
    series_instance_uid: Mapped[str] = mapped_column(UID)
    modality: Mapped[str] = mapped_column(String(16))
    n_instances: Mapped[int]
    chosen: Mapped[bool]
    eligible: Mapped[bool]
    score: Mapped[float]
    words: Mapped[str] = mapped_column(Text)
    """Code words that were recognised in the description, never its text."""
    reasons_for: Mapped[list[str]] = mapped_column(JSON)
    reasons_against: Mapped[list[str]] = mapped_column(JSON)


class LesionRow(Base):
    """One lesion of a result, numbered from 1, largest first."""

    __tablename__ = "lesion"
    __table_args__ = (UniqueConstraint("result_id", "number"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    result_id: Mapped[int] = mapped_column(ForeignKey("result.id", ondelete="CASCADE"))
    number: Mapped[int]
    tracking_uid: Mapped[str] = mapped_column(UID)
    voxel_count: Mapped[int]
    volume_mm3: Mapped[float]
    longest_diameter_mm: Mapped[float]
    perpendicular_diameter_mm: Mapped[float]
    centroid_l_mm: Mapped[float]
    centroid_p_mm: Mapped[float]
    centroid_s_mm: Mapped[float]
    mean_probability: Mapped[float]
    max_probability: Mapped[float]
    slice_index: Mapped[int]
    """The native slice, from 0, where it covers most voxels."""
    measurable: Mapped[bool]
    """RANO-BM: longest diameter at least 10 mm and its perpendicular at least 5 mm."""
    possible: Mapped[bool]
    """Below 20 mm3: too small to be sure of."""


class DroppedCandidate(Base):
    """A candidate that the lesion rule dropped, and why."""

    __tablename__ = "dropped_candidate"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    result_id: Mapped[int] = mapped_column(ForeignKey("result.id", ondelete="CASCADE"), index=True)
    reason: Mapped[str] = mapped_column(Text)
    voxel_count: Mapped[int]
    volume_mm3: Mapped[float]
    max_probability: Mapped[float]
    centroid_l_mm: Mapped[float]
    centroid_p_mm: Mapped[float]
    centroid_s_mm: Mapped[float]


class Mask(Base):
    """The label volume itself, so that the database answers without the files."""

    __tablename__ = "mask"

    result_id: Mapped[int] = mapped_column(
        ForeignKey("result.id", ondelete="CASCADE"), primary_key=True
    )
    nifti_gz: Mapped[bytes] = mapped_column(LargeBinary)
    """Gzipped NIfTI-1, voxel value = lesion number, native grid, RAS affine."""
    sha256: Mapped[str] = mapped_column(SHA256)


class ArtifactRow(Base):
    """One file of a result."""

    __tablename__ = "artifact"
    __table_args__ = (UniqueConstraint("result_id", "kind", "path"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    result_id: Mapped[int] = mapped_column(ForeignKey("result.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(30))
    path: Mapped[str] = mapped_column(Text)
    """Relative to the results folder."""
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(SHA256)


class EvaluationRow(Base):
    """A result measured against a real reference. Nothing else is ever called Dice."""

    __tablename__ = "evaluation"
    __table_args__ = (UniqueConstraint("result_id", "reference_sha256"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    result_id: Mapped[int] = mapped_column(ForeignKey("result.id", ondelete="CASCADE"))
    reference_sha256: Mapped[str] = mapped_column(SHA256)
    reference_kind: Mapped[str] = mapped_column(String(30))
    dice: Mapped[float]
    lesion_dice: Mapped[float | None]
    hd95_mm: Mapped[float | None]
    true_positives: Mapped[int]
    false_positives: Mapped[int]
    false_negatives: Mapped[int]
    reference_volume_mm3: Mapped[float]
    volume_error_mm3: Mapped[float]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    surface_dice: Mapped[float]
    lesion_surface_dice: Mapped[float | None]
    surface_dice_tolerance_mm: Mapped[float]
    relative_volume_error: Mapped[float | None]
    """None where the reference is empty."""
    found_below_3mm: Mapped[int]
    """Found, and all, reference lesions by equivalent diameter."""
    lesions_below_3mm: Mapped[int]
    found_3_to_5mm: Mapped[int]
    lesions_3_to_5mm: Mapped[int]
    found_5_to_10mm: Mapped[int]
    lesions_5_to_10mm: Mapped[int]
    found_from_10mm: Mapped[int]
    lesions_from_10mm: Mapped[int]
    labels: Mapped[list[int] | None] = mapped_column(JSON(none_as_null=True))
    """Labels of a NIfTI that counted, by setting; None: all."""
    notes: Mapped[list[str]] = mapped_column(JSON)
    """How the reference was read, in sentences."""


class RefusedReferenceRow(Base):
    """A reference that a result was not measured against: empty, out of place, unreadable."""

    __tablename__ = "refused_reference"
    __table_args__ = (UniqueConstraint("result_id", "reference_sha256"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    result_id: Mapped[int] = mapped_column(ForeignKey("result.id", ondelete="CASCADE"))
    reference_sha256: Mapped[str] = mapped_column(SHA256)
    reference_kind: Mapped[str] = mapped_column(String(30))
    reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
