"""Two ways to run one ensemble, compared by the lesions that they mark in the same heads."""

import argparse
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imaging.connected import connected
from imaging.lesions.candidates import Evidence
from models.ensemble import Ensemble
from training.data.material import Group, HeldOut, full_heads, synthetic_heads
from training.finish.finishing import judge


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


def heads_asked(description: str | None) -> Iterator[HeldOut]:
    """The heads that the command line names, which no weights have seen: synthetic ones for
    choosing, then real full heads.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--heads", type=Path, required=True, help="synthetic heads, drawn")
    parser.add_argument("--data", type=Path, required=True, help="the shared data")
    arguments = parser.parse_args()
    return chain(synthetic_heads(arguments.heads), full_heads(arguments.data))


def print_compared(first: Ensemble, second: Ensemble, heads: Iterable[HeldOut]) -> None:
    """A line for each head, and one for all."""
    seen = []
    for head in heads:
        seen.append(compare(first, second, head))
        print(f"{head.group}, {head.name}: {line(seen[-1:])}", flush=True)
    print(f"{second.version}, {len(seen)} heads: {line(seen)}")


def compare(first: Ensemble, second: Ensemble, head: HeldOut) -> Compared:
    """What both mark in a head."""
    truth, lesions = connected(head.reference)
    if head.group is Group.WHOLE:
        lesions = 0  # an abnormality of FLAIR: what touches it is no false mark, and no lesion
    return Compared(
        lesions, marked(first, head, truth, lesions), marked(second, head, truth, lesions)
    )


def marked(ensemble: Ensemble, head: HeldOut, truth: NDArray[np.integer], lesions: int) -> Marked:
    """What an ensemble marks in a head whose `lesions` are numbered in `truth`."""
    begun = time.perf_counter()
    found = ensemble.predict(head.volume)
    seconds = time.perf_counter() - begun
    evidence = Evidence(head.volume, found.mean, list(found.members.values()), found.brain)
    labels, kept = judge(evidence, ensemble.rule)
    touched = set(np.unique(truth[labels > 0]).tolist()) & set(range(1, lesions + 1))
    others = len(kept) - int(np.count_nonzero(np.unique(labels[truth > 0])))
    return Marked(frozenset(touched), others, seconds)


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
