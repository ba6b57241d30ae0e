"""Real single slices of full heads after contrast agent, a box around each tumour (Cheng 2017).

Outside the box there is no metastasis: real skull, veins, dura and scalp. Inside, it is not known
which voxels are tumour, so nothing is taught. Slices lie 6 mm apart, so each stands alone.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.boxes import widened
from metseg.errors import MetsegError
from models.inputs import InputContract, equalise, find_head, normalise, stack
from training.synthesis.fields import Array

# Numbers run patient by patient: the last sixth, which holds all masks, is never trained on.
TRAINING_NUMBERS: Final = range(1, 2561)
HELD_OUT_NUMBERS: Final = range(2561, 3065)
# Tumours reach a little beyond the boxes that people drew around them.
BOX_MARGIN: Final = 6
_BRAIN_LEVEL: Final = 0.5
# Bridges narrower than twice this, to an eye or the neck, are cut.
_BRIDGE: Final = 4
_BATCH: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class HeadSlice:
    """One slice, ``(H, W)`` uint8 of about 1 mm; `box` covers its tumour."""

    number: int
    voxels: NDArray[np.uint8]
    box: tuple[slice, slice]

    @property
    def tumour(self) -> NDArray[np.bool_]:
        """The box as a mask, with a margin."""
        mask = np.zeros(self.voxels.shape, dtype=np.bool_)
        mask[widened(self.box, BOX_MARGIN, mask.shape)] = True
        return mask

    def turned(self) -> "HeadSlice":
        """Upside down, as coronal and sagittal slices are on a grid whose slices go upwards."""
        rows, columns = self.box
        height = self.voxels.shape[0]
        below = slice(height - rows.stop, height - rows.start)
        return HeadSlice(self.number, np.ascontiguousarray(self.voxels[::-1]), (below, columns))


@dataclass(frozen=True, slots=True, eq=False)
class OutlinedSlice:
    """A slice, turned the way in which a network finds most brain, and that brain."""

    head: HeadSlice
    brain: NDArray[np.bool_]


def read_slices(folder: Path, numbers: Sequence[int]) -> Iterator[HeadSlice]:
    """Read ``images/NNNN.jpg`` and ``boxes.csv``, in the order of `numbers`.

    Raises
    ------
    MetsegError
        A slice or its box is missing.
    """
    boxes = _read_boxes(folder / "boxes.csv")
    for number in numbers:
        voxels = cv2.imread(str(folder / "images" / f"{number:04d}.jpg"), cv2.IMREAD_GRAYSCALE)
        if voxels is None or number not in boxes:
            raise MetsegError(f"slices must hold image and box {number}, one is missing")
        yield HeadSlice(number, np.asarray(voxels, dtype=np.uint8), boxes[number])


def slice_input(voxels: NDArray[np.uint8], contract: InputContract) -> Array:
    """Network input ``(H, W, 4)`` of a slice that serves as its own neighbours."""
    plane = voxels[None].astype(np.float32)
    normal = normalise(plane, find_head(plane), contract)
    return np.asarray(stack(normal, equalise(normal, contract), [0])[0])


def outline_slices(
    slices: Sequence[HeadSlice], network: Any, contract: InputContract
) -> Iterator[OutlinedSlice]:
    """Each slice as it is or turned, whichever way the network finds more brain, and that brain."""
    for start in range(0, len(slices), _BATCH):
        some = slices[start : start + _BATCH]
        ways = [list(some), [one.turned() for one in some]]
        brains = [
            network(np.stack([slice_input(one.voxels, contract) for one in way]))[..., 1]
            for way in ways
        ]
        for at in range(len(some)):
            best = int(np.argmax([(seen[at] > _BRAIN_LEVEL).sum() for seen in brains]))
            yield OutlinedSlice(ways[best][at], largest_part(brains[best][at] > _BRAIN_LEVEL))


def largest_part(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest body of a mask ``(H, W)`` once narrow bridges are cut."""
    opened = ndimage.binary_opening(mask, iterations=_BRIDGE)
    labels, count = ndimage.label(opened)
    if count == 0:
        return np.zeros_like(mask)
    return np.asarray(labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:])))


def write_outlines(path: Path, outlined: Sequence[OutlinedSlice]) -> None:
    """Write slices and outlines as one npz file."""
    boxes = [[s.start, s.stop] for one in outlined for s in one.head.box]
    np.savez_compressed(
        path,
        numbers=np.array([one.head.number for one in outlined], dtype=np.int32),
        voxels=np.stack([one.head.voxels for one in outlined]),
        brain=np.packbits(np.stack([one.brain for one in outlined]), axis=-1),
        boxes=np.array(boxes, dtype=np.int32).reshape(-1, 2, 2),
    )


def read_outlines(path: Path) -> list[OutlinedSlice]:
    """Read what `write_outlines` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        voxels, boxes = stored["voxels"], stored["boxes"]
        brain = np.unpackbits(stored["brain"], axis=-1, count=voxels.shape[-1]) > 0
        return [
            OutlinedSlice(
                HeadSlice(int(number), voxels[at], (slice(*boxes[at, 0]), slice(*boxes[at, 1]))),
                brain[at],
            )
            for at, number in enumerate(stored["numbers"])
        ]


def _read_boxes(path: Path) -> dict[int, tuple[slice, slice]]:
    sides = ("row", "column")
    with path.open(newline="") as stream:
        return {
            int(row["image"]): (_side(row, sides[0]), _side(row, sides[1]))
            for row in csv.DictReader(stream)
        }


def _side(row: dict[str, str], name: str) -> slice:
    first, last = (float(row[f"{name}_{end}"]) for end in ("first", "last"))
    return slice(int(np.floor(first)), int(np.ceil(last)) + 1)
