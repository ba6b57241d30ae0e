"""The lesion rule that serves best on the heads for choosing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import cc3d
import numpy as np
from numpy.typing import NDArray

from imaging.lesions import CONNECTIVITY, LesionRule
from models.training.cases import Source

GROW = (0.3, 0.4, 0.5, 0.6)
SEED = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
# BraTS-METS counts smaller ones for detection only; more than 30 would shut out lesions of 4 mm.
LEAST_MM3 = (20.0, 30.0)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A component at one grow threshold. `hits` are the reference lesions it touches."""

    peak: float
    volume_mm3: float
    slices: int
    overlap_mm3: float
    hits: frozenset[int]


@dataclass(frozen=True, slots=True)
class Candidates:
    """All components of one head at one grow threshold, and how much there is to find."""

    source: Source
    reference_mm3: float
    lesions: int
    items: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rule does to one head."""

    source: Source
    dice: float
    found: int
    missed: int
    false: int


def candidates(
    mean: NDArray[np.float32],
    reference: NDArray[np.bool_],
    *,
    source: Source,
    grow: float,
    voxel_mm3: float,
) -> Candidates:
    """Components of ``(Z, H, W)`` probabilities at or above `grow`."""
    labels = cc3d.connected_components(mean >= np.float32(grow), connectivity=CONNECTIVITY)
    truth, lesions = cc3d.connected_components(reference, connectivity=CONNECTIVITY, return_N=True)
    boxes = cc3d.statistics(labels)["bounding_boxes"]
    items = []
    for number in range(1, int(labels.max()) + 1):
        box = boxes[number]
        inside = labels[box] == number
        touched = truth[box][inside]
        items.append(
            Candidate(
                peak=float(mean[box][inside].max()),
                volume_mm3=touched.size * voxel_mm3,
                slices=int(inside.shape[0]),
                overlap_mm3=int(np.count_nonzero(touched)) * voxel_mm3,
                hits=frozenset(np.unique(touched[touched > 0]).tolist()),
            )
        )
    total = int(np.count_nonzero(reference)) * voxel_mm3
    return Candidates(source, total, int(lesions), tuple(items))


def outcome(head: Candidates, rule: LesionRule) -> Outcome:
    """Dice and counts of a head under a rule of the head's grow threshold."""
    kept = [
        item
        for item in head.items
        if item.peak >= rule.seed_threshold
        and item.volume_mm3 >= rule.minimum_volume_mm3
        and item.slices >= rule.minimum_slices
    ]
    found = len(frozenset[int]().union(*(item.hits for item in kept)))
    predicted = sum(item.volume_mm3 for item in kept)
    both = sum(item.overlap_mm3 for item in kept)
    total = predicted + head.reference_mm3
    return Outcome(
        head.source,
        2.0 * both / total if total else 1.0,
        found,
        head.lesions - found,
        sum(not item.hits for item in kept),
    )


def merit(outcomes: Sequence[Outcome]) -> float:
    """What a rule is chosen for, 0 to 1: the mean of Dice and of lesion F1, synthetic and real
    heads alike.

    A false lesion in a head without any counts among the real ones' false lesions.
    """
    sides = (
        [item for item in outcomes if item.source is Source.SYNTHETIC],
        [item for item in outcomes if item.source is not Source.SYNTHETIC],
    )
    merits = []
    for side in sides:
        with_lesions = [item.dice for item in side if item.found + item.missed]
        found = sum(item.found for item in side)
        wrong = sum(item.false + item.missed for item in side)
        if with_lesions:
            merits.append((float(np.mean(with_lesions)) + 2 * found / (2 * found + wrong)) / 2)
    return float(np.mean(merits)) if merits else 0.0


def rules() -> Iterator[LesionRule]:
    """All rules that are tried."""
    for grow, seed, least in product(GROW, SEED, LEAST_MM3):
        if seed >= grow:
            yield LesionRule(seed, grow, least, minimum_slices=2)


def choose_rule(heads: Sequence[dict[float, Candidates]]) -> tuple[LesionRule, float]:
    """The rule of most merit on heads given as candidates by grow threshold, and its merit."""
    tried = [
        (merit([outcome(head[rule.grow_threshold], rule) for head in heads]), index, rule)
        for index, rule in enumerate(rules())
    ]
    best, _, rule = max(tried, key=lambda item: (item[0], -item[1]))
    return rule, best
