"""What a scout saves and what it costs: ``make bench-scout``.

Heads that no weights have seen are answered by the networks of the shipped ensemble without a scout
(the first), and by the ensemble as it is, whose scout alone answers every slice (the second).
Prints which lesions each marks, and how much of the axial slices each network is shown with the
scout.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from benchmarks.counted import Counted
from benchmarks.marks import heads_asked, print_compared
from models.averaging import NetworkEnsemble
from models.card import read_card
from models.catalogue import SHIPPED_WEIGHTS
from models.ensemble import Ensemble
from training.data.material import HeldOut


def main() -> None:
    """Parse the arguments, print a line for each head and a summary."""
    heads = heads_asked(__doc__)
    card = read_card(SHIPPED_WEIGHTS / "standard.json")
    if card.contract.get("scout") is None:
        raise SystemExit(f"{card.version} must have a scout, it has none")
    scouted = NetworkEnsemble.load(card, SHIPPED_WEIGHTS, device="cpu")
    whole = replace(scouted, contract=replace(scouted.contract, scout=None))
    counted = [Counted(network) for network in scouted.networks]
    axial = replace(
        scouted, networks=counted, contract=replace(scouted.contract, multiplanar=False)
    )
    print_compared(whole, scouted, shown_to(axial, heads))
    most = max(one.pixels for one in counted)  # the scout's, who sees them all
    shares = ", ".join(f"{one.name} {one.pixels / most:.1%}" for one in counted)
    print(f"axial pixels: {shares}")


def shown_to(ensemble: Ensemble, heads: Iterable[HeldOut]) -> Iterator[HeldOut]:
    """The heads, each shown to an ensemble as well: there are too many to keep them all."""
    for head in heads:
        ensemble.predict(head.volume)
        yield head


if __name__ == "__main__":
    main()
