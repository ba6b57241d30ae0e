"""How much work multiplanar refinement adds: ``make bench-multiplanar``.

Counts the pixels that the shipped networks are shown for the demonstration's head, with and without
the refinement, so the result does not depend on the machine.
"""

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.counted import Counted
from demo.study import load_head
from imaging.volume import Volume
from models.averaging import NetworkEnsemble
from models.card import read_card
from models.catalogue import SHIPPED_WEIGHTS
from models.inputs import InputContract


def main() -> None:
    """Print one line."""
    card = read_card(SHIPPED_WEIGHTS / "standard.json")
    ensemble = NetworkEnsemble.load(card, SHIPPED_WEIGHTS, device="cpu")
    head = load_head().volume
    plain, both = (pixels(ensemble, head, multiplanar=wanted) for wanted in (False, True))
    print(
        f"{card.version}, demonstration's head: {plain / 1e6:.1f} million pixels in axial slices, "
        f"{(both - plain) / 1e6:.1f} in coronal and sagittal slices: {both / plain - 1:.0%} more"
    )


def pixels(ensemble: NetworkEnsemble, head: Volume, *, multiplanar: bool) -> int:
    """How many pixels the networks are shown in all."""
    counted: Sequence[Counted] = [Counted(network) for network in ensemble.networks]
    contract: InputContract = replace(ensemble.contract, multiplanar=multiplanar)
    replace(ensemble, networks=counted, contract=contract).predict(head)
    return sum(one.pixels for one in counted)


if __name__ == "__main__":
    main()
