"""Parameters, arithmetic and time of the networks: ``make bench-networks``.

Prints a Markdown table for slices of 256 x 256. Arithmetic is that of the convolutions, a
multiplication and an addition being two operations; normalisation, ReLU and pooling are left out.
Time is the least processor time of the rounds for a batch, over all threads, as a multiple of that
of the shipped pair in the same run: other programs on the machine hardly change it.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import keras
import numpy as np
from keras import layers

from models.card import read_card
from models.catalogue import SHIPPED_WEIGHTS
from models.inputs import CHANNELS
from models.networks import BUILDERS
from models.networks.build import OUTPUTS, build

SIDE = 256
WIDTHS = (8, 16, 24, 32)
LEVELS = 5
CONVOLUTIONS = (layers.Conv2D, layers.Conv2DTranspose)


@dataclass(frozen=True, slots=True)
class Variant:
    """A network to measure; `depths` are those of U-Net++ that it is pruned to."""

    network: str
    filters: tuple[int, ...]
    depths: tuple[int, ...] | None
    outputs: int = OUTPUTS

    def name(self) -> str:
        """The name in the table."""
        widths = "-".join(str(width) for width in self.filters)
        depth = f", depth {self.depths[-1]}" if self.depths else ""
        return f"`{self.network}` {widths}{depth}"

    def build(self) -> keras.Model:
        """The network with random weights."""
        return build(self.network, filters=self.filters, depths=self.depths, outputs=self.outputs)


def main() -> None:
    """Parse the arguments, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3, help="0: no times")
    arguments = parser.parse_args()
    batch, rounds = arguments.batch, arguments.rounds
    pair = shipped()
    models = [variant.build() for variant in pair]
    whole = sum(seconds(model, batch, rounds) for model in models)
    print("| network | parameters | GFLOP per slice | processor time, shipped pair = 1 |")
    print("|---|--:|--:|--:|")
    parameters = sum(model.count_params() for model in models)
    print(row("shipped pair", parameters, sum(map(gigaflops, models)), whole, whole))
    for variant in variants():
        model = variant.build()
        spent = seconds(model, batch, rounds)
        print(row(variant.name(), model.count_params(), gigaflops(model), spent, whole), flush=True)


def shipped() -> list[Variant]:
    """The members of the shipped ensemble."""
    members = read_card(SHIPPED_WEIGHTS / "standard.json").members
    return [Variant(one.network, one.filters, one.depths, one.outputs) for one in members]


def variants() -> Iterator[Variant]:
    """Every network at every width, U-Net++ whole and pruned."""
    for width in WIDTHS:
        filters = tuple(width * 2**level for level in range(LEVELS))
        for name in BUILDERS:
            if name != "unet_plus_plus":
                yield Variant(name, filters, None)
                continue
            for depth in reversed(range(1, LEVELS)):
                yield Variant(name, filters, (depth,))


def gigaflops(model: keras.Model) -> float:
    """Operations of the convolutions for one slice, in units of 10^9."""
    found = [layer for layer in model.layers if isinstance(layer, CONVOLUTIONS)]
    inside = keras.Model(model.input, [layer.output for layer in found])
    maps = inside.compute_output_spec(keras.KerasTensor((1, SIDE, SIDE, CHANNELS)))
    total = 0
    for layer, made in zip(found, maps, strict=True):
        uses = prod(made.shape[1:3])  # how often the whole kernel is laid on
        if isinstance(layer, layers.Conv2DTranspose):
            uses //= prod(layer.strides)
        total += 2 * prod(layer.kernel.shape) * uses
    return total / 1e9


def seconds(model: keras.Model, batch: int, rounds: int) -> float:
    """Least processor time for a batch; the first call, which compiles, does not count."""
    if not rounds:
        return float("nan")
    model.compile(jit_compile=False)
    slices = np.random.default_rng(0).normal(size=(batch, SIDE, SIDE, CHANNELS)).astype(np.float32)
    model.predict_on_batch(slices)
    spent = []
    for _ in range(rounds):
        begun = time.process_time()
        model.predict_on_batch(slices)
        spent.append(time.process_time() - begun)
    return min(spent)


def row(name: str, parameters: int, gflop: float, spent: float, whole: float) -> str:
    """One line of the table."""
    return f"| {name} | {parameters:,} | {gflop:.1f} | {spent / whole:.2f} |"


if __name__ == "__main__":
    main()
