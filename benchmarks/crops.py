"""Training crops per second, by a thread and by processes: ``make bench-crops``.

Draws synthetic heads from label maps, and reads batches of eight crops of 128 x 128 as a training
run does, without a network: from the run's own thread, from one process and from two.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import cv2
from rich.console import Console

from benchmarks.printing import table_of
from models.inputs import InputContract
from training.crops.crops import Batch, prefetch
from training.crops.loaders import Loaders, Share, make_sampler
from training.heads.head_commands import label_map_paths
from training.heads.heads import plan_heads
from training.recipe import Recipe, read_recipe

RECIPE = "base_attention_unet"
PROCESSES = (0, 1, 2)


def main() -> None:
    """Parse the arguments, draw heads, count crops, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--label-maps", type=Path, default=Path("../shared/data/labelmaps"))
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--batches", type=int, default=40)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory(prefix="metseg-bench-") as folder:
        maps = label_map_paths(arguments.label_maps, "train")
        for plan in plan_heads(Path(folder), label_maps=maps, count=arguments.heads, seed=1):
            plan.draw()
        found = {count: rate(Path(folder), count, arguments.batches) for count in PROCESSES}
    print_table(found)


def rate(heads: Path, processes: int, batches: int) -> float:
    """Crops per second."""
    changes = [f"material.heads={heads}", f"loaders={processes}"]
    recipe = read_recipe(RECIPE, changes)
    with source(recipe) as sampler, closing(prefetch(sampler.batches(recipe.batch))) as stream:
        return counted(stream, batches) * recipe.batch


def source(recipe: Recipe) -> Any:
    """The source of a training run's crops, as a context."""
    contract = InputContract()
    if recipe.loaders:
        return Loaders(recipe, contract, done=0, say=silent)
    return nullcontext(make_sampler(recipe, contract, Share(), say=silent))


def counted(stream: Iterator[Batch], batches: int) -> float:
    """Batches per second, after a few that fill the queues."""
    for _ in range(8):
        next(stream)
    began = time.perf_counter()
    for _ in range(batches):
        next(stream)
    return batches / (time.perf_counter() - began)


def silent(_: str) -> None:
    """Print nothing about the material."""


def print_table(found: dict[int, float]) -> None:
    """Crops per second by the number of processes."""
    table = table_of("crops of 128 x 128 per second", "drawn by", "crops/s", "by the thread's")
    for count, per_second in found.items():
        name = f"{count} process{'es' * (count > 1)}" if count else "the run's own thread"
        table.add_row(name, f"{per_second:,.0f}", f"{per_second / found[0]:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
