"""How much faster oneDNN makes the shipped networks on this processor: ``make bench-onednn``.

By default TensorFlow uses oneDNN only on processors with AVX512-VNNI or AMX; metseg always asks for
it. The shipped pair answers the same slices with and without it, in turns, each in a process of its
own, since TensorFlow reads the switch once.
"""

import argparse
import os
import subprocess
import sys

SWITCH = "TF_ENABLE_ONEDNN_OPTS"
BATCH = 8


def main() -> None:
    """Print one line of the ratio, or the seconds of one turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--one", action="store_true", help="one turn, with the switch as it is")
    arguments = parser.parse_args()
    if arguments.one:
        print(pair_seconds())
        return
    least = {value: min(turn(value) for _ in range(arguments.turns)) for value in ("0", "1")}
    print(
        f"shipped pair, {BATCH} slices of 256 x 256, least processor time of {arguments.turns} "
        f"turns: with oneDNN {least['1'] / least['0']:.2f} of that without"
    )


def turn(value: str) -> float:
    """Processor seconds in a new process with the switch set to `value`."""
    command = [sys.executable, "-m", "benchmarks.onednn", "--one"]
    done = subprocess.run(
        command, env=os.environ | {SWITCH: value}, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def pair_seconds() -> float:
    """Processor seconds that the shipped pair takes for a batch, with the switch as it is."""
    from benchmarks.networks import seconds, shipped

    return sum(seconds(variant.build(), BATCH, 1) for variant in shipped())


if __name__ == "__main__":
    main()
