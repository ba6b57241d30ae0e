"""What bfloat16 saves and what it costs: ``make bench-engines``.

Heads that no weights have seen are answered by the shipped ensemble with OpenVINO in float32 (the
first) and in bfloat16 (the second), on a processor with AVX512-BF16 or AMX.
"""

from benchmarks.marks import heads_asked, print_compared
from models.catalogue import load_ensemble


def main() -> None:
    """Parse the arguments, print a line for each head and a summary."""
    heads = heads_asked(__doc__)
    exact, rounded = (
        load_ensemble("standard", device="cpu", engine=engine)
        for engine in ("openvino", "openvino_bf16")
    )
    print_compared(exact, rounded, heads)


if __name__ == "__main__":
    main()
