"""How a result compares with a reference, as users read it."""

from collections.abc import Mapping
from dataclasses import dataclass

from db.tables.result_tables import EvaluationRow, RefusedReference

DIAMETER_BANDS: Mapping[str, str] = {
    "<3": "below_3mm",
    "3-5": "3_to_5mm",
    "5-10": "5_to_10mm",
    ">=10": "from_10mm",
}
"""Diameters in mm, and how the columns `found_...` and `lesions_...` are called."""


@dataclass(frozen=True, slots=True)
class BandReport:
    """Found of the reference lesions of one size, `name` in mm."""

    name: str
    found: int
    lesions: int


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """Measures against one reference; `docs/measures.md` defines them. The names are public.

    Surface Dice, relative error and sensitivity are None where an older metseg measured.
    """

    reference_kind: str
    reference_sha256: str
    dice: float
    lesion_dice: float | None
    surface_dice: float | None
    lesion_surface_dice: float | None
    surface_dice_tolerance_mm: float | None
    hd95_mm: float | None
    true_positives: int
    false_positives: int
    false_negatives: int
    reference_volume_mm3: float
    volume_error_mm3: float
    relative_volume_error: float | None
    sensitivity_by_diameter: tuple[BandReport, ...] | None
    labels: tuple[int, ...] | None = None
    """Labels of a NIfTI that counted, by setting; None: all."""
    notes: tuple[str, ...] = ()
    """How the reference was read."""


@dataclass(frozen=True, slots=True)
class RefusedReport:
    """A reference that the result was not measured against, and why not."""

    reference_kind: str
    reference_sha256: str
    reason: str


def evaluation_report(row: EvaluationRow) -> EvaluationReport:
    """One row, read."""
    return EvaluationReport(
        reference_kind=row.reference_kind,
        reference_sha256=row.reference_sha256,
        dice=row.dice,
        lesion_dice=row.lesion_dice,
        surface_dice=row.surface_dice,
        lesion_surface_dice=row.lesion_surface_dice,
        surface_dice_tolerance_mm=row.surface_dice_tolerance_mm,
        hd95_mm=row.hd95_mm,
        true_positives=row.true_positives,
        false_positives=row.false_positives,
        false_negatives=row.false_negatives,
        reference_volume_mm3=row.reference_volume_mm3,
        volume_error_mm3=row.volume_error_mm3,
        relative_volume_error=row.relative_volume_error,
        sensitivity_by_diameter=_bands(row),
        labels=None if row.labels is None else tuple(row.labels),
        notes=tuple(row.notes or ()),
    )


def refused_report(row: RefusedReference) -> RefusedReport:
    """One row, read."""
    return RefusedReport(row.reference_kind, row.reference_sha256, row.reason)


def _bands(row: EvaluationRow) -> tuple[BandReport, ...] | None:
    counts = [
        (name, getattr(row, f"found_{band}"), getattr(row, f"lesions_{band}"))
        for name, band in DIAMETER_BANDS.items()
    ]
    if any(lesions is None for _, _, lesions in counts):
        return None
    return tuple(BandReport(*one) for one in counts)
