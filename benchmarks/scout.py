"""What a scout saves and what it costs: ``make bench-scout``.

Heads that no weights have seen are answered by the networks of the shipped ensemble without a scout
(the first), and by the ensemble as it is, whose scout alone answers every slice (the second).
Prints which lesions each marks, and how much of the axial slices each network is shown with the
scout.
"""

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.counted import Counted
from benchmarks.marks import heads_asked, print_compared
from models.averaging import NetworkEnsemble
from models.card import read_card
from models.catalogue import SHIPPED_WEIGHTS
from training.data.material import HeldOut


def main() -> None:
    """Parse the arguments, print a line for each head and a summary."""
    heads = list(heads_asked(__doc__))
    card = read_card(SHIPPED_WEIGHTS / "standard.json")
    if card.contract.get("scout") is None:
        raise SystemExit(f"{card.version} must have a scout, it has none")
    scouted = NetworkEnsemble.load(card, SHIPPED_WEIGHTS, device="cpu")
    whole = replace(scouted, contract=replace(scouted.contract, scout=None))
    print_compared(whole, scouted, heads)
    print(f"axial pixels: {axial_shares(scouted, heads)}")


def axial_shares(scouted: NetworkEnsemble, heads: Sequence[HeldOut]) -> str:
    """The axial pixels that each network is shown, by those of the scout, which sees them all."""
    counted = [Counted(network) for network in scouted.networks]
    contract = replace(scouted.contract, multiplanar=False)
    ensemble = replace(scouted, networks=counted, contract=contract)
    for head in heads:
        ensemble.predict(head.volume)
    most = max(one.pixels for one in counted)
    return ", ".join(f"{one.name} {one.pixels / most:.1%}" for one in counted)


if __name__ == "__main__":
    main()
