"""The commands that draw heads: a folder of them for training, and the demo's one."""

from pathlib import Path

import cv2

from metseg.errors import MetsegError
from models.training.demo_head import write_demo_head
from models.training.heads import generate_heads
from models.training.split import (
    DEMONSTRATION_LABELMAP,
    TRAINING_LABELMAPS,
    VALIDATION_LABELMAPS,
)

PARTS = {"train": TRAINING_LABELMAPS, "val": VALIDATION_LABELMAPS}


def synthesize_command(*, out: Path, label_maps: Path, part: str, count: int, seed: int) -> None:
    """Draw `count` heads of a part of the split, ``train`` or ``val``, into `out`.

    Heads that exist are kept, so that a second call with a greater count goes on.
    """
    if part not in PARTS:
        raise MetsegError(f"part must be one of {', '.join(PARTS)}, got {part}")
    cv2.setNumThreads(1)
    maps = [label_map_path(label_maps, number) for number in PARTS[part]]
    generate_heads(out, label_maps=maps, count=count, seed=seed)


def demo_head_command(*, out: Path, label_maps: Path) -> None:
    """Draw the demo's head into the file `out`."""
    write_demo_head(label_map_path(label_maps, DEMONSTRATION_LABELMAP), out)


def label_map_path(folder: Path, number: int) -> Path:
    """Where SynthSeg keeps a training label map.

    Raises
    ------
    MetsegError
        It is not there.
    """
    path = folder / f"training_seg_{number:02d}.nii.gz"
    if not path.is_file():
        raise MetsegError(f"label_maps must hold {path.name}, it does not")
    return path
