"""Drawing heads: a folder of them for training, and the one of the demo."""

import re
from pathlib import Path

import cv2

from metseg.errors import MetsegError
from training.heads.contact_sheet import contact_sheet, shown_head, spread
from training.heads.demo_head import write_demo_head
from training.heads.head_files import HeadFiles, generate_files
from training.heads.head_list import write_lists
from training.heads.heads import Show, read_head
from training.split import (
    CHOOSING_LABELMAPS,
    DEMONSTRATION_LABELMAP,
    REPORTING_LABELMAPS,
    TRAINING_LABELMAPS,
)

PARTS = {
    "train": TRAINING_LABELMAPS,
    "choose": CHOOSING_LABELMAPS,
    "report": REPORTING_LABELMAPS,
}
ALL = "all"
SHEET = "contact-sheet.png"
_HEADS_ON_A_SHEET = 12


def synthesize_command(
    *,
    out: Path,
    label_maps: Path,
    part: str,
    count: int,
    seed: int,
    files: HeadFiles | None = None,
    workers: int = 1,
    show: Show | None = None,
) -> Path:
    """Draw `count` heads into `out`, list their lesions and show some on a contact sheet.

    Heads that exist are kept, so that a second call with a greater count adds to them.

    Parameters
    ----------
    part
        ``train``, ``choose`` or ``report``, the split of the shared label maps; ``all`` takes every
        map in the folder.
    files
        What to write of each head besides npz.
    show
        Gets the number of heads done, and of all.

    Returns
    -------
    The contact sheet.

    Raises
    ------
    MetsegError
        The part is unknown, or a label map is missing or cannot be read.
    """
    maps = label_map_paths(label_maps, part)
    cv2.setNumThreads(1)
    heads = generate_files(
        out, label_maps=maps, count=count, seed=seed, files=files, workers=workers, show=show
    )
    write_lists(out, heads)
    chosen = [out / f"{entry.name}.npz" for entry in spread(heads, _HEADS_ON_A_SHEET)]
    sheet = out / SHEET
    title = f"{count} synthetic heads, seed {seed}: {len(chosen)} of them"
    sheet.write_bytes(
        contact_sheet((shown_head(path.stem, read_head(path)) for path in chosen), title)
    )
    return sheet


def demo_head_command(*, out: Path, label_maps: Path) -> None:
    """Draw the demo's head into the file `out`."""
    write_demo_head(label_map_path(label_maps, DEMONSTRATION_LABELMAP), out)


def label_map_paths(folder: Path, part: str) -> list[Path]:
    """The label maps of a part of the split, or all in the folder, number 2 before number 10.

    Raises
    ------
    MetsegError
        The part is unknown, a map of it is missing, or the folder has no map.
    """
    if part in PARTS:
        return [label_map_path(folder, number) for number in PARTS[part]]
    if part != ALL:
        raise MetsegError(f"part must be one of {', '.join([*PARTS, ALL])}, got {part}")
    found = [path for path in folder.iterdir() if path.name.endswith((".nii", ".nii.gz"))]
    if not found:
        raise MetsegError("label_maps must hold *.nii.gz or *.nii, got none")
    return sorted(found, key=lambda path: [_key(word) for word in re.split(r"(\d+)", path.name)])


def label_map_path(folder: Path, number: int) -> Path:
    """Where SynthSeg keeps a training label map.

    Raises
    ------
    MetsegError
        It is not there.
    """
    path = folder / f"training_seg_{number:02d}.nii.gz"
    if not path.is_file():
        raise MetsegError(
            f"label_maps must hold {path.name}, it does not; part all takes any names"
        )
    return path


def _key(word: str) -> tuple[int, str]:
    return (int(word), "") if word.isdigit() else (-1, word)
