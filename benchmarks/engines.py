"""What bfloat16 saves and what it costs: ``make bench-engines``.

Heads that no weights have seen are answered by the shipped ensemble with OpenVINO in float32 (the
first) and in bfloat16 (the second), on a processor with AVX512-BF16 or AMX.
"""

import argparse
from itertools import chain
from pathlib import Path

from benchmarks.marks import compare, line
from models.averaging import NetworkEnsemble
from models.card import read_card
from models.catalogue import SHIPPED_WEIGHTS
from training.data.material import full_heads, synthetic_heads


def main() -> None:
    """Parse the arguments, print a line for each head and a summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", type=Path, required=True, help="synthetic heads, drawn")
    parser.add_argument("--data", type=Path, required=True, help="the shared data")
    arguments = parser.parse_args()
    card = read_card(SHIPPED_WEIGHTS / "standard.json")
    exact = NetworkEnsemble.load(card, SHIPPED_WEIGHTS, device="cpu", engine="openvino")
    rounded = NetworkEnsemble.load(card, SHIPPED_WEIGHTS, device="cpu", engine="openvino_bf16")
    seen = []
    for head in chain(synthetic_heads(arguments.heads), full_heads(arguments.data)):
        seen.append(compare(exact, rounded, head))
        print(f"{head.group}, {head.name}: {line(seen[-1:])}", flush=True)
    print(f"{card.version}, {len(seen)} heads: {line(seen)}")


if __name__ == "__main__":
    main()
