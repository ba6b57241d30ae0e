"""New heads, drawn during a run that reads them, so that no head is seen too often."""

import multiprocessing
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import cv2

from training.heads.heads import HeadPlan

PREFIX: Final = "fresh"
_NICE: Final = 10


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn: into `folder`, from `label_maps`, by `workers` processes. The newest `keep` of
    these heads stay, older ones are removed.
    """

    folder: Path
    label_maps: Sequence[Path]
    seed: int
    workers: int
    keep: int


class HeadDrawing:
    """Processes that draw while this context lasts; they end with this process at the latest."""

    def __init__(self, drawing: Drawing) -> None:
        context = multiprocessing.get_context("spawn")
        self._processes = [
            context.Process(target=_draw, args=(drawing, number, os.getpid()), daemon=True)
            for number in range(drawing.workers)
        ]

    def __enter__(self) -> Self:
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.terminate()
            process.join()


def next_index(names: Sequence[str]) -> int:
    """The number of the next fresh head after those of these file names."""
    numbers = [int(name.rpartition("_")[2]) for name in names]
    return max(numbers, default=-1) + 1


def superfluous(files: Sequence[Path], keep: int) -> list[Path]:
    """All but the newest `keep` fresh heads, by their numbers."""
    ordered = sorted(files, key=lambda path: next_index([path.stem]))
    return ordered[: max(0, len(ordered) - keep)]


def _draw(drawing: Drawing, number: int, parent: int) -> None:
    os.nice(_NICE)
    cv2.setNumThreads(1)
    pattern = f"{PREFIX}_{drawing.seed}_*.npz"
    first = next_index([path.stem for path in drawing.folder.glob(pattern)])
    index = first + (number - first) % drawing.workers
    while os.getppid() == parent:
        head_plan(drawing, index).draw()
        index += drawing.workers
        for path in superfluous(list(drawing.folder.glob(pattern)), drawing.keep):
            path.unlink(missing_ok=True)


def head_plan(drawing: Drawing, index: int) -> HeadPlan:
    """The fresh head of this number, with the same seed whichever process draws it."""
    return HeadPlan(
        drawing.folder / f"{PREFIX}_{drawing.seed}_{index:06d}.npz",
        drawing.label_maps[index % len(drawing.label_maps)],
        (drawing.seed + 1) * 10_000_000 + index,
    )
