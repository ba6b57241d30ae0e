"""A picture of the key slices with the lesions' contours. It names no patient, no study and no
date.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from imaging.export.display import Layout, layout_of
from imaging.export.seg import RESEARCH_ONLY
from imaging.lesions import Lesion
from imaging.volume import Volume

MAX_TILES = 6
COLUMNS = 3
TILE = 420
BAND = 46
CAPTION = 26
GAP = 6

Picture = NDArray[np.uint8]
_Colour = tuple[int, int, int]

# Blue, green, red, as OpenCV orders them. Both contours hold against grey and for the colour-blind.
FOUND: _Colour = (0, 165, 255)
REFERENCE: _Colour = (255, 220, 60)
STAMP: _Colour = (80, 80, 255)
TEXT: _Colour = (235, 235, 235)
FAINT: _Colour = (150, 150, 150)
FONT = cv2.FONT_HERSHEY_SIMPLEX


def preview_png(
    volume: Volume,
    labels: NDArray[np.uint16],
    lesions: Sequence[Lesion],
    *,
    reference: NDArray[np.bool_] | None = None,
) -> bytes:
    """Draw up to six native slices, those of the largest lesions first, as a PNG.

    Slices stand in radiological convention, the patient's right on the left, cropped to the head.
    Lesions are outlined and numbered in orange, the reference in light blue. Without lesions evenly
    spaced slices are shown. Native planes: a sagittal series shows sagittal slices.

    Parameters
    ----------
    labels, reference
        ``(Z, H, W)`` on the grid of `volume`.
    """
    layout = layout_of(volume.affine)
    low, high = _window(volume.voxels)
    crop = _head_box(volume.voxels, low + 0.15 * (high - low))
    tiles = []
    for z in key_slices(labels, lesions, reference):
        grey = np.clip((volume.voxels[z][crop] - low) / (high - low) * 255, 0, 255).astype(np.uint8)
        tile = _Tile(layout, grey)
        if reference is not None:
            tile.outline(reference[z][crop], REFERENCE)
        for lesion in lesions:
            tile.outline(labels[z][crop] == lesion.number, FOUND, str(lesion.number))
        here = [lesion for lesion in lesions if lesion.slice_index == z]
        tiles.append(tile.finish(_caption(z, volume.shape[0], layout, here)))
    picture = _montage(tiles, _title(lesions), with_reference=reference is not None)
    done, data = cv2.imencode(".png", picture)
    if not done:
        raise RuntimeError("the preview could not be encoded as PNG")
    return bytes(data)


def key_slices(
    labels: NDArray[np.uint16],
    lesions: Sequence[Lesion],
    reference: NDArray[np.bool_] | None = None,
) -> list[int]:
    """Slices to show, rising: those of the largest lesions, then those with the most missed
    reference.
    """
    chosen: list[int] = []
    shown: set[int] = set()
    for lesion in sorted(lesions, key=lambda one: one.number):
        if len(chosen) < MAX_TILES and lesion.number not in shown:
            chosen.append(lesion.slice_index)
            shown.update(int(n) for n in np.unique(labels[lesion.slice_index]))
    if reference is not None:
        missed = (reference & (labels == 0)).sum(axis=(1, 2))
        for z in np.argsort(-missed, kind="stable")[:MAX_TILES]:
            if (
                len(chosen) < MAX_TILES
                and missed[z]
                and min(abs(z - c) for c in [*chosen, 1 << 30]) > 2
            ):
                chosen.append(int(z))
    if not chosen:
        chosen = [int(z) for z in np.linspace(0.2, 0.8, MAX_TILES) * (labels.shape[0] - 1)]
    return sorted(set(chosen))


class _Tile:
    """One slice, turned, with square pixels, as large as a tile allows."""

    def __init__(self, layout: Layout, grey: Picture) -> None:
        self._layout = layout
        down, right = layout.pixel_mm
        shown = layout.turn(grey)
        height, width = shown.shape[0] * down, shown.shape[1] * right
        scale = TILE / max(height, width)
        self._size = (max(1, round(width * scale)), max(1, round(height * scale)))
        large = cv2.resize(shown, self._size, interpolation=cv2.INTER_CUBIC)
        self._picture: Picture = np.repeat(large[:, :, None], 3, axis=2).astype(np.uint8)

    def outline(self, mask: NDArray[np.bool_], colour: _Colour, name: str = "") -> None:
        """Draw the contour of a slice of a mask, and a name beside it."""
        if not mask.any():
            return
        turned = self._layout.turn(mask).astype(np.float32)
        large = cv2.resize(turned, self._size, interpolation=cv2.INTER_LINEAR)
        contours, _ = cv2.findContours(
            (large >= 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(self._picture, contours, -1, colour, 1, cv2.LINE_AA)
        if name and contours:
            x, y, width, _ = cv2.boundingRect(max(contours, key=cv2.contourArea))
            place = (min(x + width + 3, self._size[0] - 14 * len(name)), max(y, 14))
            _write(self._picture, name, place, colour, 0.65, thickness=2)

    def finish(self, caption: str) -> Picture:
        """The slice in the middle of its tile, with the letters of its edges and a caption."""
        tile = np.zeros((TILE + CAPTION, TILE, 3), dtype=np.uint8)
        width, height = self._size
        x, y = (TILE - width) // 2, (TILE - height) // 2
        tile[y : y + height, x : x + width] = self._picture
        left, right, top, bottom = tuple(self._layout.letters)
        _write(tile, left, (4, TILE // 2), TEXT, 0.6)
        _write(tile, right, (TILE - 18, TILE // 2), TEXT, 0.6)
        _write(tile, top, (TILE // 2 - 6, 18), TEXT, 0.6)
        _write(tile, bottom, (TILE // 2 - 6, TILE - 6), TEXT, 0.6)
        _write(tile, caption, (4, TILE + 18), TEXT, 0.45)
        return tile


def _montage(tiles: Sequence[Picture], title: str, *, with_reference: bool) -> Picture:
    rows = -(-len(tiles) // COLUMNS)
    columns = min(COLUMNS, len(tiles)) if rows == 1 else COLUMNS
    width = max(columns * (TILE + GAP) - GAP, 2 * TILE)  # the stamp needs room
    height = BAND + rows * (TILE + CAPTION + GAP) + BAND // 2
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    for number, tile in enumerate(tiles):
        y = BAND + number // COLUMNS * (TILE + CAPTION + GAP)
        x = number % COLUMNS * (TILE + GAP)
        picture[y : y + tile.shape[0], x : x + TILE] = tile
    _write(picture, title, (8, 30), TEXT, 0.6)
    (stamp_width, _), _ = cv2.getTextSize(RESEARCH_ONLY, FONT, 0.6, 2)
    _write(picture, RESEARCH_ONLY, (width - stamp_width - 8, 30), STAMP, 0.6, thickness=2)
    _write(picture, "found", (8, height - 8), FOUND, 0.5)
    if with_reference:
        _write(picture, "reference", (70, height - 8), REFERENCE, 0.5)
    _write(picture, "R, L, A, P, S, I: sides of the patient", (180, height - 8), FAINT, 0.45)
    return picture


def _write(
    picture: Picture,
    text: str,
    place: tuple[int, int],
    colour: _Colour,
    size: float,
    thickness: int = 1,
) -> None:
    """Text with a dark rim, so that it reads on bright ground."""
    cv2.putText(picture, text, place, FONT, size, (0, 0, 0), thickness + 2, cv2.LINE_AA)
    cv2.putText(picture, text, place, FONT, size, colour, thickness, cv2.LINE_AA)


def _title(lesions: Sequence[Lesion]) -> str:
    if not lesions:
        return "metseg: no lesion found"
    total = sum(lesion.volume_mm3 for lesion in lesions) / 1000
    return f"metseg: {len(lesions)} lesion{'s' * (len(lesions) > 1)}, {total:.2f} ml"


def _caption(z: int, slices: int, layout: Layout, lesions: Sequence[Lesion]) -> str:
    sizes = ", ".join(
        f"{one.number}: {one.longest_diameter_mm:.0f} x {one.perpendicular_diameter_mm:.0f} mm"
        for one in lesions[:2]
    )
    return f"{layout.plane} {z + 1}/{slices}" + (f"   {sizes}" if sizes else "")


def _window(voxels: NDArray[np.float32]) -> tuple[float, float]:
    """Grey levels for black and white: air stays black, and a few bright vessels may saturate."""
    sample = voxels[::2, ::4, ::4] if voxels.size > 1 << 20 else voxels
    low = float(np.percentile(sample, 1))
    head = sample[sample > low + 0.1 * (float(np.percentile(sample, 99.9)) - low)]
    high = float(np.percentile(head, 99.7)) if head.size else low
    return low, max(high, low + 1e-6)


def _head_box(voxels: NDArray[np.float32], threshold: float) -> tuple[slice, slice]:
    """Rows and columns that hold the head in any slice, with a margin."""
    inside = (voxels > threshold).mean(axis=0) > 0.02
    spans = []
    for axis in (1, 0):
        hit = np.flatnonzero(inside.any(axis=axis))
        size = inside.shape[1 - axis]
        first, last = (int(hit[0]), int(hit[-1])) if hit.size else (0, size - 1)
        margin = max(2, (last - first) // 20)
        spans.append(slice(max(0, first - margin), min(size, last + margin + 1)))
    return spans[0], spans[1]
