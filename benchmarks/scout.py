"""What a scout saves and what it costs: ``make bench-scout``.

Heads that no weights have seen are answered by the networks of the shipped ensemble without a scout
(the first), and by the ensemble as it is, whose scout alone answers every slice (the second).
Prints which lesions each marks, and the share of the pixels of axial slices that each network is
shown with the scout.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

from benchmarks.counted import Counted
from benchmarks.marks import compare, line
from models.averaging import NetworkEnsemble
from models.card import read_card
from models.catalogue import SHIPPED_WEIGHTS
from training.data.material import HeldOut, full_heads, synthetic_heads


def main() -> None:
    """Parse the arguments, print a line for each head and a summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", type=Path, required=True, help="synthetic heads, drawn")
    parser.add_argument("--data", type=Path, required=True, help="the shared data")
    arguments = parser.parse_args()
    card = read_card(SHIPPED_WEIGHTS / "standard.json")
    if card.contract.get("scout") is None:
        parser.error(f"{card.version} must have a scout, it has none")
    scouted = NetworkEnsemble.load(card, SHIPPED_WEIGHTS, device="cpu")
    whole = replace(scouted, contract=replace(scouted.contract, scout=None))
    shown = dict.fromkeys((network.name for network in scouted.networks), 0)
    total = dict(shown)
    seen = []
    for head in chain(synthetic_heads(arguments.heads), full_heads(arguments.data)):
        seen.append(compare(whole, scouted, head))
        for pixels, ensemble in ((shown, scouted), (total, whole)):
            for name, number in axial_pixels(ensemble, head):
                pixels[name] += number
        print(f"{head.group}, {head.name}: {line(seen[-1:])}", flush=True)
    shares = ", ".join(f"{name} {pixels / total[name]:.1%}" for name, pixels in shown.items())
    print(f"{card.version}, {len(seen)} heads: {line(seen)}; axial pixels: {shares}")


def axial_pixels(ensemble: NetworkEnsemble, head: HeldOut) -> Iterator[tuple[str, int]]:
    """The pixels of axial slices that each network is shown of a head."""
    counted = [Counted(network) for network in ensemble.networks]
    contract = replace(ensemble.contract, multiplanar=False)
    replace(ensemble, networks=counted, contract=contract).predict(head.volume)
    yield from ((one.name, one.pixels) for one in counted)


if __name__ == "__main__":
    main()
