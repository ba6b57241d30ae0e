"""What a scout saves and what it costs: ``make bench-scout``.

Answers heads that no weights have seen twice: by the ensemble as it is, whose scout alone answers
every slice, and by the same networks without a scout. Prints which share of the pixels of axial
slices the other networks are shown, and the lesions of the reference that only one of the two
marks, under the card's lesion rule.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.counted import Counted
from imaging.connected import connected
from imaging.lesions.find import find_lesions
from models.averaging import NetworkEnsemble
from models.card import read_card
from models.catalogue import SHIPPED_WEIGHTS
from training.data.material import HeldOut, full_heads, synthetic_heads


@dataclass(frozen=True, slots=True)
class Marked:
    """Numbers of the lesions of a reference that an ensemble marks, its other marks, and the pixels
    of axial slices that each network was shown.
    """

    lesions: frozenset[int]
    others: int
    pixels: dict[str, int]


@dataclass(frozen=True, slots=True)
class Compared:
    """A head with a scout and without one."""

    lesions: int
    scouted: Marked
    whole: Marked


def main() -> None:
    """Parse the arguments, print a line for each head and a summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", type=Path, required=True, help="synthetic heads, drawn")
    parser.add_argument("--data", type=Path, required=True, help="the shared data")
    arguments = parser.parse_args()
    card = read_card(SHIPPED_WEIGHTS / "standard.json")
    if card.contract.get("scout") is None:
        parser.error(f"{card.version} must have a scout, it has none")
    ensemble = NetworkEnsemble.load(card, SHIPPED_WEIGHTS, device="cpu")
    seen = []
    for head in chain(synthetic_heads(arguments.heads), full_heads(arguments.data)):
        seen.append(compare(ensemble, head))
        print(f"{head.group}, {head.name}: {line(seen[-1:])}", flush=True)
    print(f"{card.version}, {len(seen)} heads: {line(seen)}")


def compare(ensemble: NetworkEnsemble, head: HeldOut) -> Compared:
    """The answers to one head, with the ensemble's scout and without it."""
    without = replace(ensemble, contract=replace(ensemble.contract, scout=None))
    truth, lesions = connected(head.reference)
    return Compared(lesions, marked(ensemble, head, truth), marked(without, head, truth))


def marked(ensemble: NetworkEnsemble, head: HeldOut, truth: NDArray[np.integer]) -> Marked:
    """What an ensemble marks in a head."""
    axial = [Counted(network) for network in ensemble.networks]
    contract = replace(ensemble.contract, multiplanar=False)
    replace(ensemble, networks=axial, contract=contract).predict(head.volume)
    found = ensemble.predict(head.volume)
    labels, kept, _ = find_lesions(
        found.mean,
        head.volume,
        ensemble.rule,
        members=list(found.members.values()),
        brain=found.brain,
    )
    touched = np.unique(truth[labels > 0]).tolist()
    on_lesions = np.unique(labels[truth > 0])
    others = len(kept) - int(np.count_nonzero(on_lesions))
    return Marked(frozenset(touched) - {0}, others, {one.name: one.pixels for one in axial})


def line(seen: list[Compared]) -> str:
    """Plain words of some heads together."""
    lost = sum(len(one.whole.lesions - one.scouted.lesions) for one in seen)
    won = sum(len(one.scouted.lesions - one.whole.lesions) for one in seen)
    others = [sum(kind) for kind in zip(*map(_others, seen), strict=True)]
    shares = ", ".join(f"{name} {share:.1%}" for name, share in shown(seen))
    return (
        f"{sum(one.lesions for one in seen)} lesions, "
        f"{sum(len(one.whole.lesions) for one in seen)} marked without a scout, of these {lost} "
        f"lost with it, {won} won; other marks {others[0]} and {others[1]}; pixels shown: {shares}"
    )


def shown(seen: list[Compared]) -> Iterator[tuple[str, float]]:
    """Each network's share of the pixels that it is shown without a scout."""
    for name in seen[0].whole.pixels:
        both = [
            sum(one[name] for one in pixels) for pixels in zip(*map(_pixels, seen), strict=True)
        ]
        yield name, both[0] / both[1]


def _others(one: Compared) -> tuple[int, int]:
    return one.scouted.others, one.whole.others


def _pixels(one: Compared) -> tuple[dict[str, int], dict[str, int]]:
    return one.scouted.pixels, one.whole.pixels


if __name__ == "__main__":
    main()
