"""How much of this machine's arithmetic the shipped networks use, for ``make bench``."""

import time
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from benchmarks.networks import SIDE, gigaflops, shipped
from models.averaging import BATCH, Network
from models.inputs import CHANNELS

EDGE: Final = 2048  # of the square matrices
ROUNDS: Final = 5


def main_line(networks: Sequence[Network]) -> str:
    """One line: operations a second of the networks, and their share of a matrix product's."""
    ours, peak = network_rate(networks), matrix_rate()
    return (
        f"networks, {BATCH} slices of {SIDE} x {SIDE}: {ours:.0f} GFLOP/s, {ours / peak:.0%} of the"
        f" {peak:.0f} GFLOP/s that a float32 matrix product reaches on this machine"
    )


def network_rate(networks: Sequence[Network]) -> float:
    """Operations of the convolutions, in 10^9 a second, when all networks answer a batch."""
    by_name = {variant.network: gigaflops(variant.build()) for variant in shipped()}
    work = BATCH * sum(by_name[network.name] for network in networks)
    rng = np.random.default_rng(0)
    batch = rng.normal(size=(BATCH, SIDE, SIDE, CHANNELS)).astype(np.float32)

    def answer() -> None:
        for network in networks:
            network(batch)

    return work / least_seconds(answer)


def matrix_rate() -> float:
    """Operations of a product of two float32 matrices by numpy, in 10^9 a second."""
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, EDGE, EDGE)).astype(np.float32)
    return 2 * EDGE**3 / 1e9 / least_seconds(lambda: one @ other)


def least_seconds(work: Callable[[], object]) -> float:
    """Wall time of the fastest round; a first one, which compiles, does not count."""
    work()
    spent = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begun)
    return min(spent)
