"""Evaluations of several cases as one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev

from imaging.metrics.bins import DiameterBin, pooled
from imaging.metrics.evaluation import Evaluation

Read = Callable[[Evaluation], float | None]

# Over the cases whose reference holds a lesion: without one, Dice is 0 or 1 by convention only.
OF_LESIONS: Mapping[str, Read] = {
    "dice": lambda one: one.dice,
    "lesion_dice": lambda one: one.lesion_dice,
    "surface_dice": lambda one: one.surface_dice,
    "lesion_surface_dice": lambda one: one.lesion_surface_dice,
    "hd95_mm": lambda one: one.hd95_mm,
    "sensitivity": lambda one: one.sensitivity,
    "relative_volume_error": lambda one: one.relative_volume_error,
}
OF_ALL: Mapping[str, Read] = {
    "false_positives": lambda one: float(one.false_positives),
    "volume_error_mm3": lambda one: one.volume_error_mm3,
    "absolute_volume_error_mm3": lambda one: one.absolute_volume_error_mm3,
}


@dataclass(frozen=True, slots=True)
class Spread:
    """Statistics of `n` values; `sd` is that of a sample, None for one value."""

    n: int
    mean: float
    median: float
    sd: float | None
    least: float
    greatest: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Evaluations of several cases. `measures` holds None where no case has the measure.

    Counts and `sensitivity_by_diameter` are pooled: sums over all lesions of all cases.
    """

    cases: int
    cases_with_lesions: int
    measures: Mapping[str, Spread | None]
    true_positives: int
    false_positives: int
    false_negatives: int
    sensitivity_by_diameter: tuple[DiameterBin, ...]

    @property
    def lesions(self) -> int:
        """Reference lesions of all cases, found or not."""
        return self.true_positives + self.false_negatives

    @property
    def sensitivity(self) -> float | None:
        """Found lesions divided by all lesions, over all cases."""
        return self.true_positives / self.lesions if self.lesions else None


def summarise(evaluations: Sequence[Evaluation]) -> Summary:
    """Mean, median and spread of each measure, and pooled counts.

    False positives and volume errors are taken over all cases; the other measures over those whose
    reference holds a lesion.
    """
    with_lesions = [one for one in evaluations if one.lesions]
    measures = {name: spread(map(read, with_lesions)) for name, read in OF_LESIONS.items()}
    measures |= {name: spread(map(read, evaluations)) for name, read in OF_ALL.items()}
    return Summary(
        cases=len(evaluations),
        cases_with_lesions=len(with_lesions),
        measures=measures,
        true_positives=sum(one.true_positives for one in evaluations),
        false_positives=sum(one.false_positives for one in evaluations),
        false_negatives=sum(one.false_negatives for one in evaluations),
        sensitivity_by_diameter=pooled(one.sensitivity_by_diameter for one in evaluations),
    )


def spread(values: Iterable[float | None]) -> Spread | None:
    """Statistics of the values that are not None; None where there are no such values."""
    there = [value for value in values if value is not None]
    if not there:
        return None
    return Spread(
        n=len(there),
        mean=fmean(there),
        median=median(there),
        sd=stdev(there) if len(there) > 1 else None,
        least=min(there),
        greatest=max(there),
    )
