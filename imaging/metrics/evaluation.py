"""What a comparison with a reference gives: plain values, the same wherever they are shown or kept.

This module is light: the database imports it without numpy.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from imaging.metrics.bins import DiameterBin, equivalent_diameter_mm


@dataclass(frozen=True, slots=True)
class Detection:
    """One reference lesion, with its measures where a predicted lesion matches it."""

    volume_mm3: float
    dice: float | None = None
    hd95_mm: float | None = None
    surface_dice: float | None = None

    @property
    def found(self) -> bool:
        """Whether a predicted lesion matches."""
        return self.dice is not None

    @property
    def equivalent_diameter_mm(self) -> float:
        """Diameter of the ball of this volume."""
        return equivalent_diameter_mm(self.volume_mm3)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A segmentation against a reference.

    `dice` and `surface_dice` are of all voxels. `lesion_dice`, `lesion_surface_dice` and `hd95_mm`
    are means over the matched reference lesions of at least 20 mm3, None where there is none.
    `volume_error_mm3` is predicted minus reference. `detections`, one per reference lesion, are
    not kept in the database.
    """

    dice: float
    lesion_dice: float | None
    true_positives: int
    false_positives: int
    false_negatives: int
    reference_volume_mm3: float
    volume_error_mm3: float
    hd95_mm: float | None
    surface_dice: float
    lesion_surface_dice: float | None
    surface_dice_tolerance_mm: float
    sensitivity_by_diameter: tuple[DiameterBin, ...]
    detections: tuple[Detection, ...] = ()

    @property
    def lesions(self) -> int:
        """Reference lesions, found or not."""
        return self.true_positives + self.false_negatives

    @property
    def sensitivity(self) -> float | None:
        """Found reference lesions divided by all; None where there is none."""
        return self.true_positives / self.lesions if self.lesions else None

    @property
    def absolute_volume_error_mm3(self) -> float:
        """Volume error without its sign."""
        return abs(self.volume_error_mm3)

    @property
    def relative_volume_error(self) -> float | None:
        """Volume error divided by reference volume, with its sign; None for an empty reference."""
        if self.reference_volume_mm3 == 0.0:
            return None
        return self.volume_error_mm3 / self.reference_volume_mm3


@dataclass(frozen=True, slots=True)
class ReferenceEvaluation:
    """A result measured against one reference, and how the reference was read.

    `reference_kind` is ``dicom-seg``, ``dicom-rtstruct`` or ``nifti``. `labels` are those that a
    setting counts in a NIfTI, None for all; `notes` say how the reference was read.
    """

    reference_sha256: str
    reference_kind: str
    measures: Evaluation
    labels: tuple[int, ...] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusedReference:
    """A reference that a result could not be measured against, and the reason."""

    reference_sha256: str
    reference_kind: str
    reason: str


def evaluation_entry(evaluation: Evaluation) -> dict[str, Any]:
    """Measures against one reference as plain values, for JSON."""
    entry = asdict(evaluation)
    entry["sensitivity"] = evaluation.sensitivity
    entry["absolute_volume_error_mm3"] = evaluation.absolute_volume_error_mm3
    entry["relative_volume_error"] = evaluation.relative_volume_error
    entry["sensitivity_by_diameter"] = bin_entries(evaluation.sensitivity_by_diameter)
    entry["detections"] = [
        {**asdict(one), "equivalent_diameter_mm": one.equivalent_diameter_mm}
        for one in evaluation.detections
    ]
    return entry


def reference_entry(one: ReferenceEvaluation) -> Mapping[str, Any]:
    """One reference and the measures against it as plain values, for JSON."""
    return {
        "reference_sha256": one.reference_sha256,
        "reference_kind": one.reference_kind,
        "labels": None if one.labels is None else list(one.labels),
        "notes": list(one.notes),
    } | evaluation_entry(one.measures)


def bin_entries(bins: tuple[DiameterBin, ...]) -> list[dict[str, Any]]:
    """How many lesions of each size were found, and how many there are, smallest first."""
    return [{"name": one.name, **asdict(one), "sensitivity": one.sensitivity} for one in bins]
