"""How much oneDNN does for the networks in the box on this processor: ``make bench-onednn``.

TensorFlow takes oneDNN by itself on processors with AVX512-VNNI or AMX alone; metseg asks for it
always. The shipped pair answers the same slices with and without it, in turns, each in a process of
its own, since TensorFlow asks once.
"""

import argparse
import os
import subprocess
import sys
import time

import numpy as np

SWITCH = "TF_ENABLE_ONEDNN_OPTS"
SLICES = (8, 192, 192)


def main() -> None:
    """Print one line of the ratio, or the seconds of one turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--one", action="store_true", help="one turn, with what is set")
    arguments = parser.parse_args()
    if arguments.one:
        print(seconds())
        return
    least = {value: min(turn(value) for _ in range(arguments.turns)) for value in ("0", "1")}
    print(
        f"shipped pair, {SLICES[0]} slices of {SLICES[1]} x {SLICES[2]}, least processor time of "
        f"{arguments.turns} turns: with oneDNN {least['1'] / least['0']:.2f} of that without"
    )


def turn(value: str) -> float:
    """Processor seconds in a new process with the switch set so."""
    command = [sys.executable, "-m", "benchmarks.onednn", "--one"]
    told = subprocess.run(
        command, env=os.environ | {SWITCH: value}, capture_output=True, text=True, check=True
    )
    return float(told.stdout)


def seconds() -> float:
    """Processor seconds that the pair takes, the first call, which compiles, left out."""
    from models.card import read_card
    from models.catalogue import WEIGHTS_IN_THE_BOX, import_quietly
    from models.inputs import CHANNELS

    engine = import_quietly("models.engines").Engine
    card = read_card(WEIGHTS_IN_THE_BOX / "standard.json")
    pair = [engine.load(member, WEIGHTS_IN_THE_BOX, device="cpu:0") for member in card.members]
    batch = np.random.default_rng(0).normal(size=(*SLICES, CHANNELS)).astype(np.float32)
    for network in pair:
        network(batch)
    began = time.process_time()
    for network in pair:
        network(batch)
    return time.process_time() - began


if __name__ == "__main__":
    main()
