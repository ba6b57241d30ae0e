"""Heads on one picture, to judge by eye: networks get wrong whatever is unlike a patient there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from training.heads.head_list import NOTICE
from training.heads.heads import StoredHead

TILE = 240
COLUMNS = 6
CAPTION = 20
BAND = 36

_CONTOUR = (0, 165, 255)
_TEXT = (235, 235, 235)
_STAMP = (80, 80, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_WHITE_PERCENTILE = 99.7

Item = TypeVar("Item")
Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class ShownHead:
    """A row of the sheet: ``(Z, H, W)`` on the axial grid; 0 in `labels` is no lesion."""

    caption: str
    voxels: NDArray[np.float32]
    labels: NDArray[np.uint16]


def shown_head(name: str, head: StoredHead) -> ShownHead:
    """A synthetic head as a row."""
    meta = head.meta
    caption = (
        f"{name}  {meta['label_map']}  seed {meta['seed']}  stripping {meta['stripping']}  "
        f"{meta['thickness_mm']:.1f} mm  {len(meta['lesions'])} lesions"
    )
    return ShownHead(caption, head.voxels.astype(np.float32), head.lesions)


def contact_sheet(heads: Iterable[ShownHead], title: str) -> bytes:
    """Draw a row of `COLUMNS` axial slices of each head, as a PNG.

    The first slice is plain; the others go through lesions, the largest and evenly spread smaller
    ones, with their contours. A head without lesions shows slices at even distances. The patient's
    right is on the left.
    """
    rows = [_row(head) for head in heads]
    width = COLUMNS * TILE
    band = np.zeros((BAND, width, 3), dtype=np.uint8)
    _write(band, title, (8, 24), _TEXT)
    (stamp, _), _ = cv2.getTextSize(NOTICE, _FONT, 0.55, 1)
    _write(band, NOTICE, (width - stamp - 8, 24), _STAMP)
    done, data = cv2.imencode(".png", np.concatenate([band, *rows]))
    if not done:
        raise RuntimeError("the contact sheet could not be encoded as PNG")
    return bytes(data)


def chosen_slices(labels: NDArray[np.uint16]) -> list[int]:
    """`COLUMNS` slices: the one to show plain, then those to show with contours."""
    depth = labels.shape[0]
    plain = round(0.62 * depth)
    numbers, sizes = np.unique(labels[labels > 0], return_counts=True)
    if numbers.size == 0:
        return [round(share * (depth - 1)) for share in np.linspace(0.25, 0.85, COLUMNS)]
    falling = [int(numbers[index]) for index in np.argsort(-sizes, kind="stable")]
    chosen = spread(falling, COLUMNS - 1)
    slices = [int(np.argmax((labels == number).sum(axis=(1, 2)))) for number in chosen]
    spare = [round(share * (depth - 1)) for share in (0.45, 0.55, 0.7, 0.8)]
    return [plain, *slices, *spare[: COLUMNS - 1 - len(slices)]]


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """At most `count` of the items, evenly spread, the first and the last among them."""
    if len(items) <= count:
        return list(items)
    return [items[round(at)] for at in np.linspace(0, len(items) - 1, count)]


def _row(head: ShownHead) -> Picture:
    white = float(np.percentile(head.voxels[head.voxels > 0], _WHITE_PERCENTILE))
    tiles = []
    for index, z in enumerate(chosen_slices(head.labels)):
        grey = np.clip(head.voxels[z] * (255 / white), 0, 255).astype(np.uint8)
        tiles.append(_tile(grey, head.labels[z] > 0 if index else None))
    caption = np.zeros((CAPTION, COLUMNS * TILE, 3), dtype=np.uint8)
    _write(caption, head.caption, (4, 14), _TEXT, 0.42)
    return np.concatenate([np.concatenate(tiles, axis=1), caption])


def _tile(grey: Picture, mask: NDArray[np.bool_] | None) -> Picture:
    scale = TILE / max(grey.shape)
    height, width = (round(side * scale) for side in grey.shape)
    large = cv2.resize(grey, (width, height), interpolation=cv2.INTER_CUBIC)
    picture = np.repeat(large[:, :, None], 3, axis=2)
    if mask is not None:
        bits = cv2.resize(mask.astype(np.float32), (width, height)) >= 0.5
        contours, _ = cv2.findContours(bits.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, contours, -1, _CONTOUR, 1, cv2.LINE_AA)
    tile = np.zeros((TILE, TILE, 3), dtype=np.uint8)
    y, x = (TILE - height) // 2, (TILE - width) // 2
    tile[y : y + height, x : x + width] = picture
    return tile


def _write(
    picture: Picture,
    text: str,
    place: tuple[int, int],
    colour: tuple[int, int, int],
    size: float = 0.55,
) -> None:
    cv2.putText(picture, text, place, _FONT, size, colour, 1, cv2.LINE_AA)
