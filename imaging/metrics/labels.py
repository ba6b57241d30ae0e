"""What people call the measures of a comparison with a reference: one table for terminal, page and
summary, in the order in which they are shown.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

Number = float | None


@dataclass(frozen=True, slots=True)
class Measure:
    """A label, how a value is written, and whether it is shown of one case (else of many)."""

    label: str
    write: Callable[[float], str]
    of_one_case: bool = True

    def shown(self, value: Number, *, none: str = "-") -> str:
        """The value as text; `none` where there is no value."""
        return none if value is None else self.write(value)


def _fraction(value: float) -> str:
    return f"{value:,.3f}"


def _length(value: float) -> str:
    return f"{value:,.2f}"


def _volume(value: float) -> str:
    return f"{value:,.1f}"


def _signed_volume(value: float) -> str:
    return f"{value:+,.1f}"


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _percent(value: float) -> str:
    return f"{value:+.1%}"


MEASURES: Final[Mapping[str, Measure]] = {
    "dice": Measure("Dice", _fraction),
    "lesion_dice": Measure("lesion-wise Dice", _fraction),
    "surface_dice": Measure("surface Dice", _fraction),
    "lesion_surface_dice": Measure("lesion-wise surface Dice", _fraction),
    "surface_dice_tolerance_mm": Measure("tolerance of surface Dice, mm", "{:g}".format),
    "hd95_mm": Measure("HD95, mean of lesions, mm", _length),
    "sensitivity": Measure("sensitivity", _fraction),
    "true_positives": Measure("lesions found", _count),
    "false_negatives": Measure("lesions missed", _count),
    "false_positives": Measure("false lesions", _count),
    "reference_volume_mm3": Measure("reference volume, mm³", _volume),
    "volume_error_mm3": Measure("volume error, mm³", _signed_volume),
    "absolute_volume_error_mm3": Measure("absolute volume error, mm³", _volume, of_one_case=False),
    "relative_volume_error": Measure("volume error, relative", _percent),
}
"""By the names of `imaging.metrics.evaluation.Evaluation`."""


def rows_of(values: Callable[[str], Number], *, none: str = "-") -> list[tuple[str, str]]:
    """Label and value of each measure of one case, in the order of the table; `values` gives the
    value of a measure by its name.
    """
    return [
        (one.label, one.shown(values(name), none=none))
        for name, one in MEASURES.items()
        if one.of_one_case
    ]
