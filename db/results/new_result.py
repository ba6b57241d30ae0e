"""What a worker hands over to be recorded: plain values, no database, no arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from db.tables.tables import Outcome


@dataclass(frozen=True, slots=True)
class NewLesion:
    """One lesion. Millimetres, cubic millimetres, LPS."""

    number: int
    """From 1, largest volume first."""
    tracking_uid: str
    voxel_count: int
    volume_mm3: float
    longest_diameter_mm: float
    perpendicular_diameter_mm: float
    centroid_lps_mm: tuple[float, float, float]
    mean_probability: float
    measurable: bool
    possible: bool


@dataclass(frozen=True, slots=True)
class NewSeries:
    """A series that was looked at, and why it was taken or not."""

    series_instance_uid: str
    modality: str
    n_instances: int
    chosen: bool
    eligible: bool
    score: float
    reasons_for: tuple[str, ...] = ()
    reasons_against: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewArtifact:
    """A file of the result, already in its final place."""

    kind: str
    """One of those in docs/outputs.md, as dicom-seg or report-html."""
    path: str
    """Relative to the results folder, with forward slashes."""
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class NewEvaluation:
    """The result measured against a real reference."""

    reference_sha256: str
    reference_kind: str
    dice: float
    lesion_dice: float | None
    hd95_mm: float | None
    true_positives: int
    false_positives: int
    false_negatives: int
    reference_volume_mm3: float
    volume_error_mm3: float
    surface_dice: float | None = None
    lesion_surface_dice: float | None = None
    surface_dice_tolerance_mm: float | None = None
    relative_volume_error: float | None = None
    """Predicted minus reference, by the reference; None where that is empty."""
    found_below_3mm: int | None = None
    """Found, and all, reference lesions by equivalent diameter."""
    lesions_below_3mm: int | None = None
    found_3_to_5mm: int | None = None
    lesions_3_to_5mm: int | None = None
    found_5_to_10mm: int | None = None
    lesions_5_to_10mm: int | None = None
    found_from_10mm: int | None = None
    lesions_from_10mm: int | None = None
    labels: list[int] | None = None
    """Labels of a NIfTI that counted, by setting; None: all."""
    notes: list[str] | None = None
    """How the reference was read."""


@dataclass(frozen=True, slots=True)
class NewRefusedReference:
    """A reference that the result was not measured against, and why not."""

    reference_sha256: str
    reference_kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class NewDropped:
    """A candidate that the rules threw out, and why."""

    reason: str
    volume_mm3: float
    centroid_lps_mm: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class NewResult:
    """All that one job found.

    Raises
    ------
    ValueError
        Segmented without a series or a mask, lesions of nothing, or lesions not numbered 1 to n.
    """

    outcome: Outcome
    directory: str
    """Relative to the results folder; its name carries job and fence."""
    series_instance_uid: str | None = None
    mask_nifti_gz: bytes | None = field(default=None, repr=False)
    """Gzipped NIfTI-1, voxel value = lesion number."""
    lesions: tuple[NewLesion, ...] = ()
    dropped: tuple[NewDropped, ...] = ()
    series: tuple[NewSeries, ...] = ()
    artifacts: tuple[NewArtifact, ...] = ()
    evaluations: tuple[NewEvaluation, ...] = ()
    refused_references: tuple[NewRefusedReference, ...] = ()
    agreement: float | None = None
    expected_dice: float | None = None
    entropy: float | None = None
    brain_volume_ml: float | None = None
    """Of the brain as the networks see it; None where no network tells."""
    brain_centroid_lps_mm: tuple[float, float, float] | None = None
    warnings: tuple[str, ...] = ()
    timings_s: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        segmented = self.outcome is Outcome.SEGMENTED
        for name in ("series_instance_uid", "mask_nifti_gz"):
            if (getattr(self, name) is not None) != segmented:
                raise ValueError(f"{name} must be given exactly when outcome is 'segmented'")
        numbers = [lesion.number for lesion in self.lesions]
        expected = list(range(1, len(numbers) + 1)) if segmented else []
        if numbers != expected:
            raise ValueError(f"lesions must be numbered {expected}, got {numbers}")

    @property
    def n_lesions(self) -> int | None:
        """None when nothing was segmented, which is not the same as zero."""
        return len(self.lesions) if self.outcome is Outcome.SEGMENTED else None

    @property
    def total_volume_mm3(self) -> float | None:
        """Sum over the lesions; None when nothing was segmented."""
        if self.outcome is not Outcome.SEGMENTED:
            return None
        return sum((lesion.volume_mm3 for lesion in self.lesions), 0.0)
