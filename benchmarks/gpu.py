"""The demo study on a GPU: ``make bench-gpu``.

Prints seconds by stage as `benchmarks.stages` does, then slices per second of the shipped pair with
the batch that was found for the device, and the largest GPU memory of the process.
"""

import argparse
import importlib
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.stages import one_round, print_table
from metseg.settings import Settings
from models.averaging import NetworkEnsemble
from models.engines.batch import SIDE, batch_seconds
from worker.host.devices import devices_for
from worker.job.networks import load


def main() -> int:
    """Parse the arguments, run the rounds, print. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    devices = devices_for("auto")
    if not devices:
        sys.stderr.write("nvidia-smi must list a device, it lists none\n")
        return 1
    ensemble = load(Settings(device="gpu"), devices[0])
    seen: list[Mapping[str, float]] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="metseg-bench-") as folder:
            seen.append(one_round(Path(folder), ensemble))
    print_table(seen)
    if isinstance(ensemble, NetworkEnsemble) and ensemble.compute is not None:
        batch = ensemble.compute.batch
        rate = batch / batch_seconds(ensemble.networks)(batch)
        print(f"{devices[0]}, {ensemble.compute.precision}, {batch} slices a batch")
        print(f"{rate:,.0f} slices of {SIDE} x {SIDE} per second through both networks")
    memory = importlib.import_module("tensorflow").config.experimental.get_memory_info("GPU:0")
    print(f"largest GPU memory of the process: {memory['peak'] / 2**20:,.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
