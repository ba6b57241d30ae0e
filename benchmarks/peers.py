"""Seconds and memory of metseg and of networks that a user might choose instead:
``make bench-peers``.

The same scan, the demonstration's head, on the same cores, each in a process of its own:

- metseg's ensemble, from the volume to numbered lesions;
- nnU-Net's 3d_fullres network (Isensee 2021; MONAI's DynUNet of its shape, 31 M weights, drawn at
  random), tiles of 128 x 128 x 128 with half overlap, without mirroring and with all eight;
- AURORA's (MONAI's BasicUNet as brainles-aurora 0.3 sets it up, random weights), windows of
  192 x 192 x 32 with half overlap.

Of the peers only the networks are timed: on a few windows, multiplied by the number of windows in
the scan. Reading, resampling and gathering would come on top. Weights do not change the time.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.printing import peak_mib, table_of

DEMO_HEAD = Path(__file__).parents[1] / "demo" / "head.npz"
MIRRORINGS = 8


@dataclass(frozen=True, slots=True)
class Measured:
    """Median seconds per scan, and the largest memory of the process in MiB."""

    name: str
    seconds: float
    memory_mib: float
    how: str


def main() -> None:
    """Measure each in a process of its own, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of metseg; windows of the peers")
    parser.add_argument("--only", choices=sorted(SUBJECTS), help="print this one as JSON")
    arguments = parser.parse_args()
    if arguments.only:
        measured = SUBJECTS[arguments.only](arguments.rounds)
        sys.stdout.write(json.dumps([asdict(one) for one in measured]) + "\n")
        return
    found = [one for name in SUBJECTS for one in in_a_process(name, arguments.rounds)]
    print_table(found)


def in_a_process(name: str, rounds: int) -> list[Measured]:
    """What another process of this program measured."""
    command = [sys.executable, "-m", "benchmarks.peers", "--only", name, "--rounds", str(rounds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [Measured(**fields) for fields in json.loads(done.stdout.splitlines()[-1])]


def metseg(rounds: int) -> list[Measured]:
    """The shipped ensemble on the whole scan, lesions numbered; loading it does not count."""
    from demo.study import load_head
    from imaging.lesions.find import find_lesions
    from metseg.settings import Settings
    from models.engines.choice import engine_in_use
    from worker.job.runner import load

    settings = Settings()
    ensemble = load(settings)
    volume = load_head().volume

    def segment() -> None:
        found = ensemble.predict(volume)
        members = list(found.members.values())
        find_lesions(found.mean, volume, ensemble.rule, members=members, brain=found.brain)

    segment()  # shapes are compiled once
    seconds = median(timed(segment) for _ in range(rounds))
    engine = engine_in_use(settings.engine, settings.device)
    how = f"{ensemble.version}, {engine}, whole"
    return [Measured("metseg", seconds, peak_mib(), how)]


def nnunet(rounds: int) -> list[Measured]:
    """nnU-Net's network, window by window."""
    from monai.networks.nets import DynUNet

    levels = 6
    network = DynUNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=2,
        kernel_size=[3] * levels,
        strides=[1, *[2] * (levels - 1)],
        upsample_kernel_size=[2] * (levels - 1),
        filters=[32, 64, 128, 256, 320, 320],
    )
    one, millions = seconds_a_window(network, (128, 128, 128), rounds)
    count = windows(scan_shape(), (128, 128, 128))
    how = f"{millions:.1f} M weights, {count} windows, {rounds} timed"
    return [
        Measured("nnU-Net 3d_fullres", one * count, peak_mib(), how),
        Measured("the same, mirrored", one * count * MIRRORINGS, peak_mib(), f"{how}, times 8"),
    ]


def aurora(rounds: int) -> list[Measured]:
    """AURORA's network, window by window."""
    from monai.networks.nets import BasicUNet

    network = BasicUNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=2,
        features=(32, 32, 64, 128, 256, 32),
        act="mish",
    )
    size = (192, 192, 32)
    one, millions = seconds_a_window(network, size, rounds)
    z, h, w = scan_shape()
    count = windows((h, w, z), size)
    how = f"{millions:.1f} M weights, {count} windows, {rounds} timed"
    return [Measured("AURORA", one * count, peak_mib(), how)]


SUBJECTS: dict[str, Callable[[int], Sequence[Measured]]] = {
    "metseg": metseg,
    "nnunet": nnunet,
    "aurora": aurora,
}


def seconds_a_window(network: Any, size: tuple[int, ...], rounds: int) -> tuple[float, float]:
    """Median seconds of one window, and millions of weights."""
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    network.eval()
    shown = torch.zeros((1, 1, *size))
    with torch.inference_mode():
        network(shown)
        seconds = median(timed(lambda: network(shown)) for _ in range(rounds))
    return seconds, sum(weight.numel() for weight in network.parameters()) / 1e6


def windows(shape: tuple[int, ...], size: tuple[int, ...]) -> int:
    """How many windows with half overlap cover a scan; one where it is smaller than a window."""
    counts = [
        max(1, ceil((side - edge) / (edge / 2)) + 1) for side, edge in zip(shape, size, strict=True)
    ]
    return int(np.prod(counts))


def scan_shape() -> tuple[int, int, int]:
    """``(Z, H, W)`` of the demonstration's head, 1 mm; nothing of metseg is imported for it."""
    with np.load(DEMO_HEAD) as stored:
        z, h, w = stored["voxels"].shape
    return z, h, w


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def print_table(found: Sequence[Measured]) -> None:
    """Seconds, memory, and how many times metseg's seconds each takes."""
    ours = found[0].seconds
    title = f"one scan, {scan_shape()}, {len(os.sched_getaffinity(0))} cores"
    table = table_of(title, "", "seconds", "by metseg's", "MiB", "how", left=("how",))
    for one in found:
        ratio = f"{one.seconds / ours:.1f}"
        table.add_row(one.name, f"{one.seconds:.1f}", ratio, f"{one.memory_mib:,.0f}", one.how)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
