"""Two ways to run one ensemble, compared by the lesions that they mark in the same heads."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.connected import connected
from imaging.lesions.find import find_lesions
from models.averaging import NetworkEnsemble
from training.data.material import HeldOut


@dataclass(frozen=True, slots=True)
class Marked:
    """Numbers of the lesions of a reference that an ensemble marks under its rule, its other marks,
    and the seconds that it took.
    """

    lesions: frozenset[int]
    others: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Compared:
    """A head with so many lesions, by the two."""

    lesions: int
    first: Marked
    second: Marked


def compare(first: NetworkEnsemble, second: NetworkEnsemble, head: HeldOut) -> Compared:
    """What both mark in a head."""
    truth, lesions = connected(head.reference)
    return Compared(lesions, marked(first, head, truth), marked(second, head, truth))


def marked(ensemble: NetworkEnsemble, head: HeldOut, truth: NDArray[np.integer]) -> Marked:
    """What an ensemble marks in a head whose lesions are numbered in `truth`."""
    begun = time.perf_counter()
    found = ensemble.predict(head.volume)
    seconds = time.perf_counter() - begun
    labels, kept, _ = find_lesions(
        found.mean,
        head.volume,
        ensemble.rule,
        members=list(found.members.values()),
        brain=found.brain,
    )
    on_lesions = np.unique(labels[truth > 0])
    others = len(kept) - int(np.count_nonzero(on_lesions))
    touched = np.unique(truth[labels > 0]).tolist()
    return Marked(frozenset(touched) - {0}, others, seconds)


def line(seen: Sequence[Compared]) -> str:
    """Plain words of some heads together."""
    lost = sum(len(one.first.lesions - one.second.lesions) for one in seen)
    won = sum(len(one.second.lesions - one.first.lesions) for one in seen)
    ratio = sum(one.first.seconds for one in seen) / sum(one.second.seconds for one in seen)
    return (
        f"{sum(one.lesions for one in seen)} lesions, "
        f"{sum(len(one.first.lesions) for one in seen)} marked by the first, of these {lost} not by"
        f" the second, which marks {won} others; false marks "
        f"{sum(one.first.others for one in seen)} and {sum(one.second.others for one in seen)}; "
        f"the second is {ratio:.2f} times as fast"
    )
