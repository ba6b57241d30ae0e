"""Choosing the lesion rule that works best on the heads for choosing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imaging.connected import connected
from imaging.lesions.candidates import Candidate, Evidence, components, features
from imaging.lesions.rule import FEATURES, LesionRule
from training.data.material import Side
from training.finish.candidate_classifier import fit_classifier, out_of_sample

GROW: Final = (0.2, 0.3)
SEED: Final = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
# A ball of 3 mm has 14 mm3.
LEAST_MM3: Final = (8.0, 14.0, 20.0)
BRAIN: Final = (0.0, 0.3, 0.5, 0.7, 0.85)
LEAST_SCORE: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
# A reader has to check every false lesion. The most that a rule may leave: the mean per head, on
# each side.
FALSE_PER_HEAD: Final = {Side.REAL: 0.5, Side.IMPLANT: 0.5, Side.SYNTHETIC: 0.7}

FALSE_COST: Final = 0.01  # in merit, of one false lesion per head
FOUND: Final = 0.75  # in merit, weight of the share of lesions found; the rest is that of Dice
_COUNTS: Final = ("found", "missed")

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The candidates of one head at one grow threshold, and what there is to find.

    Arrays are ``(n,)`` but `seen` ``(n, F)``, the features, and `hits` ``(n, lesions)``, which
    reference lesions a candidate touches. `score` is from a classifier that never saw this head.
    """

    side: Side
    reference_mm3: float
    peak: Numbers
    volume_mm3: Numbers
    slices: Numbers
    brain: Numbers
    overlap_mm3: Numbers
    seen: Numbers
    hits: NDArray[np.bool_]
    score: Numbers

    @property
    def lesion(self) -> NDArray[np.bool_]:
        """Which candidates touch a reference lesion."""
        return np.asarray(self.hits.any(axis=1))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rule does to one head."""

    side: Side
    dice: float
    found: int
    missed: int
    false: int


def tabulate(evidence: Evidence, reference: NDArray[np.bool_], *, side: Side, grow: float) -> Table:
    """Components at or above `grow` that some rule may keep."""
    truth, lesions = connected(reference)
    voxel_mm3 = evidence.volume.voxel_volume_mm3
    found = [
        one
        for one in components(evidence, grow)
        if one.max_probability >= min(SEED) and one.volume_mm3 >= min(LEAST_MM3)
    ]
    touched = [truth[one.box][one.mask] for one in found]
    hits = np.zeros((len(found), lesions), dtype=np.bool_)
    for row, values in zip(hits, touched, strict=True):
        row[np.unique(values[values > 0]).astype(int) - 1] = True
    return Table(
        side=side,
        reference_mm3=int(np.count_nonzero(reference)) * voxel_mm3,
        peak=_column(found, "max_probability"),
        volume_mm3=_column(found, "volume_mm3"),
        slices=_column(found, "slices"),
        brain=np.array([_brain(one) for one in found]),
        overlap_mm3=np.array([np.count_nonzero(values) * voxel_mm3 for values in touched]),
        seen=np.array([features(one) for one in found]).reshape(len(found), len(FEATURES)),
        hits=hits,
        score=np.ones(len(found)),
    )


def with_scores(tables: Sequence[Table]) -> list[Table] | None:
    """The tables with scores of classifiers that were learnt from other heads.

    None if there are too few candidates to learn from.
    """
    scores = out_of_sample([table.seen for table in tables], [table.lesion for table in tables])
    if scores is None:
        return None
    return [replace(table, score=score) for table, score in zip(tables, scores, strict=True)]


def outcome(table: Table, rule: LesionRule, *, least_score: float = 0.0) -> Outcome:
    """Dice and counts of a head under a rule of the table's grow threshold.

    The rule's own classifier is not used: the table's scores are compared with `least_score`.
    """
    kept = (
        (table.peak >= rule.seed_threshold)
        & (table.volume_mm3 >= rule.minimum_volume_mm3)
        & (table.slices >= rule.minimum_slices)
        & (table.brain >= rule.minimum_brain)
        & (table.score >= least_score)
    )
    found = int(table.hits[kept].any(axis=0).sum())
    total = float(table.volume_mm3[kept].sum()) + table.reference_mm3
    return Outcome(
        table.side,
        2.0 * float(table.overlap_mm3[kept].sum()) / total if total else 1.0,
        found,
        table.hits.shape[1] - found,
        int((kept & ~table.lesion).sum()),
    )


def merit(outcomes: Sequence[Outcome]) -> float:
    """What a rule is chosen by, at most 1: for the most part the share of lesions found, for the
    rest Dice, less a little for false lesions; every side counts the same.

    False lesions are bounded by `within_limit`; their cost here decides between rules that find the
    same lesions. Those in heads without a lesion count too.
    """
    merits = []
    for side in Side:
        items = [item for item in outcomes if item.side is side]
        with_lesions = [item.dice for item in items if item.found + item.missed]
        if with_lesions:
            found, missed = (sum(getattr(one, name) for one in items) for name in _COUNTS)
            share = found / (found + missed)
            good = FOUND * share + (1 - FOUND) * float(np.mean(with_lesions))
            merits.append(good - FALSE_COST * float(np.mean([item.false for item in items])))
    return float(np.mean(merits)) if merits else 0.0


def within_limit(outcomes: Sequence[Outcome]) -> bool:
    """Whether each side has at most `FALSE_PER_HEAD` false lesions per head."""
    sides = {side: [one.false for one in outcomes if one.side is side] for side in Side}
    return all(
        float(np.mean(false)) <= FALSE_PER_HEAD[side] for side, false in sides.items() if false
    )


def rules(grow: float) -> Iterator[LesionRule]:
    """All rules that are tried at a grow threshold, without a classifier."""
    for seed, least, brain in product(SEED, LEAST_MM3, BRAIN):
        if seed >= grow:
            yield LesionRule(seed, grow, least, minimum_slices=2, minimum_brain=brain)


def choose_rule(tables: Mapping[float, Sequence[Table]]) -> tuple[LesionRule, float]:
    """The rule of most merit among those within the limit of false lesions, and its merit.

    Of all rules where none is within the limit. `tables` holds those of every head by grow
    threshold. A classifier is used only if it wins with scores of heads that it was not learnt
    from; then it is learnt again from all heads.
    """
    rule, least, best = LesionRule(), 0.0, (False, -1.0)
    for grow, plain in tables.items():
        scored = with_scores(plain)
        least_scores = (0.0, *LEAST_SCORE) if scored else (0.0,)
        for one, score in product(rules(grow), least_scores):
            heads = scored if score and scored else plain
            outcomes = [outcome(head, one, least_score=score) for head in heads]
            reached = within_limit(outcomes), merit(outcomes)
            if reached > best:
                rule, least, best = one, score, reached
    if not least:
        return rule, best[1]
    heads = tables[rule.grow_threshold]
    seen = np.concatenate([head.seen for head in heads])
    lesion = np.concatenate([head.lesion for head in heads])
    return replace(rule, candidate_classifier=fit_classifier(seen, lesion, least=least)), best[1]


def _column(found: Sequence[Candidate], name: str) -> Numbers:
    return np.array([getattr(one, name) for one in found], dtype=np.float64)


def _brain(component: Candidate) -> float:
    probability = component.brain_probability
    return 1.0 if probability is None else probability
