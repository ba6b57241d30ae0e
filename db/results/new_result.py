"""What a worker hands over to be recorded: plain values, no database, no arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from db.tables.tables import Outcome
from imaging.brain_seen import BrainSeen
from imaging.choice.verdict import SeriesVerdict
from imaging.export.artifact import Artifact
from imaging.lesions.lesion import Dropped, Lesion
from imaging.metrics.evaluation import ReferenceEvaluation, RefusedReference
from metseg.compute import Compute


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
    lesions: tuple[Lesion, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    series: tuple[SeriesVerdict, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    evaluations: tuple[ReferenceEvaluation, ...] = ()
    refused_references: tuple[RefusedReference, ...] = ()
    agreement: float | None = None
    expected_dice: float | None = None
    entropy: float | None = None
    brain: BrainSeen | None = None
    """None where no network sees one."""
    warnings: tuple[str, ...] = ()
    timings_s: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, Any] = field(default_factory=dict)
    compute: Compute | None = None

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
