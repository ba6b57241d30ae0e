"""What an ensemble reaches on held-out heads, by the measures of `imaging.metrics`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, median, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.lesions import LesionRule, find_lesions
from imaging.metrics import evaluate
from models.training.cases import Source
from models.training.material import HeldOut, Use

# Equivalent diameters in mm: from, below.
DIAMETERS = ((0.0, 3.0), (3.0, 5.0), (5.0, 10.0), (10.0, 1000.0))


@dataclass(frozen=True, slots=True)
class HeadScore:
    """One head. `by_diameter` holds (found, of) for each of `DIAMETERS`."""

    name: str
    source: Source
    use: Use
    dice: float
    lesion_dice: float | None
    true_positives: int
    false_positives: int
    false_negatives: int
    by_diameter: tuple[tuple[int, int], ...]

    def line(self) -> str:
        """Plain words for a log."""
        return (
            f"{self.source} {self.name}: Dice {self.dice:.3f}, found {self.true_positives} of "
            f"{self.true_positives + self.false_negatives}, {self.false_positives} false"
        )


def score_head(head: HeldOut, probability: NDArray[np.float32], rule: LesionRule) -> HeadScore:
    """Apply the rule and compare with the reference."""
    labels, _, _ = find_lesions(probability, head.volume, rule)
    result = evaluate(labels, head.reference, head.volume)
    found = [
        [
            detection.dice is not None
            for detection in result.detections
            if low <= detection.equivalent_diameter_mm < high
        ]
        for low, high in DIAMETERS
    ]
    return HeadScore(
        head.name,
        head.source,
        head.use,
        result.dice,
        result.lesion_dice_mean,
        result.true_positives,
        result.false_positives,
        result.false_negatives,
        tuple((sum(items), len(items)) for items in found),
    )


def summarise(scores: Iterable[HeadScore]) -> list[dict[str, Any]]:
    """One summary for each source and use: synthetic and real, choosing and reporting are never
    pooled.
    """
    scores = list(scores)
    groups = [(source, use) for source in Source for use in Use]
    return [
        _summary(source, use, group)
        for source, use in groups
        if (group := [s for s in scores if (s.source, s.use) == (source, use)])
    ]


def _summary(source: Source, use: Use, group: Sequence[HeadScore]) -> dict[str, Any]:
    with_lesions = [s for s in group if s.true_positives + s.false_negatives]
    lesion_dices = [s.lesion_dice for s in with_lesions if s.lesion_dice is not None]
    found = sum(s.true_positives for s in group)
    return {
        "source": str(source),
        "use": str(use),
        "heads": len(group),
        "heads_with_lesions": len(with_lesions),
        "dice": _spread([s.dice for s in with_lesions]),
        "lesion_dice": _spread(lesion_dices),
        "lesions": found + sum(s.false_negatives for s in group),
        "found": found,
        "false_per_head": _spread([float(s.false_positives) for s in group]),
        "sensitivity_by_diameter_mm": {
            f"{low:g}-{high:g}" if high < 1000 else f">={low:g}": [
                sum(s.by_diameter[index][0] for s in group),
                sum(s.by_diameter[index][1] for s in group),
            ]
            for index, (low, high) in enumerate(DIAMETERS)
        },
    }


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    """Mean, median, standard deviation and extremes; None for nothing."""
    if not values:
        return None
    return {
        "n": len(values),
        "mean": round(mean(values), 4),
        "median": round(median(values), 4),
        "sd": round(stdev(values), 4) if len(values) > 1 else 0.0,
        "least": round(min(values), 4),
        "greatest": round(max(values), 4),
    }
