"""Slices as pictures: turned as radiologists look at them, with contours, letters and words."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imaging.boxes import bounding_box, widened
from imaging.export.pictures.display import PictureLayout
from metseg.notice import RESEARCH_NOTICE

TILE = 420
CAPTION = 26
BAND = 46
GAP = 6
# Pixels of a broken contour that are drawn, and then left out.
DASH = 4
AWAY = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (11, 11))
JPEG_QUALITY = 88  # letters and thin contours stay sharp

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]
Box = tuple[slice, slice]
"""Rows and columns of a slice."""

# Blue, green, red, as OpenCV orders them. Both stand out on grey, also for the colour-blind.
FOUND: Colour = (0, 165, 255)
REFERENCE: Colour = (255, 220, 60)
STAMP: Colour = (80, 80, 255)
TEXT: Colour = (235, 235, 235)
FAINT: Colour = (150, 150, 150)
FONT = cv2.FONT_HERSHEY_SIMPLEX


class Tile:
    """One slice, turned, with square pixels, as large as a tile allows."""

    def __init__(self, layout: PictureLayout, grey: Picture) -> None:
        self._layout = layout
        down, right = layout.pixel_mm
        shown = layout.turn(grey)
        height, width = shown.shape[0] * down, shown.shape[1] * right
        scale = TILE / max(height, width)
        self._pixels_per_mm = scale
        self._size = (max(1, round(width * scale)), max(1, round(height * scale)))
        large = cv2.resize(shown, self._size, interpolation=cv2.INTER_CUBIC)
        self._picture: Picture = np.repeat(large[:, :, None], 3, axis=2).astype(np.uint8)

    def outline(
        self,
        mask: NDArray[np.bool_],
        colour: Colour,
        name: str = "",
        *,
        thickness: int = 1,
        broken: bool = False,
    ) -> None:
        """Draw the contour of a slice of a mask, and a name beside it. A broken contour keeps a
        little distance: what it surrounds may be no larger than the line.
        """
        if not mask.any():
            return
        turned = self._layout.turn(mask).astype(np.float32)
        large = cv2.resize(turned, self._size, interpolation=cv2.INTER_LINEAR)
        inside = (large >= 0.5).astype(np.uint8)
        if broken:
            inside = cv2.dilate(inside, AWAY).astype(np.uint8)
        contours, _ = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        if broken:
            for contour in contours:
                _dash(self._picture, contour, colour, thickness)
        else:
            cv2.drawContours(self._picture, contours, -1, colour, thickness, cv2.LINE_AA)
        if name and contours:
            x, y, width, _ = cv2.boundingRect(max(contours, key=cv2.contourArea))
            place = (min(x + width + 3, self._size[0] - 14 * len(name)), max(y, 14))
            write(self._picture, name, place, colour, 0.65, thickness=2)

    def frame(self, mask: NDArray[np.bool_], colour: Colour) -> None:
        """Draw the box around a slice of a mask."""
        turned = self._layout.turn(mask).astype(np.uint8)
        large = cv2.resize(turned, self._size, interpolation=cv2.INTER_NEAREST)
        x, y, width, height = cv2.boundingRect(large)
        cv2.rectangle(self._picture, (x, y), (x + width - 1, y + height - 1), colour, 1)

    def scale_bar(self, length_mm: float) -> None:
        """Draw a bar of this length at the lower left."""
        height = self._size[1]
        end = 12 + round(length_mm * self._pixels_per_mm)
        cv2.line(self._picture, (12, height - 12), (end, height - 12), (0, 0, 0), 4)
        cv2.line(self._picture, (12, height - 12), (end, height - 12), TEXT, 2)
        write(self._picture, f"{length_mm:g} mm", (12, height - 18), TEXT, 0.45)

    def finish(self, caption: str) -> Picture:
        """The slice in the middle of its tile, with the letters of its edges and a caption."""
        tile = np.zeros((TILE + CAPTION, TILE, 3), dtype=np.uint8)
        width, height = self._size
        x, y = (TILE - width) // 2, (TILE - height) // 2
        tile[y : y + height, x : x + width] = self._picture
        left, right, top, bottom = tuple(self._layout.letters)
        write(tile, left, (4, TILE // 2), TEXT, 0.6)
        write(tile, right, (TILE - 18, TILE // 2), TEXT, 0.6)
        write(tile, top, (TILE // 2 - 6, 18), TEXT, 0.6)
        write(tile, bottom, (TILE // 2 - 6, TILE - 6), TEXT, 0.6)
        write(tile, caption, (4, TILE + 18), TEXT, 0.45)
        return tile


def _dash(picture: Picture, contour: NDArray[Any], colour: Colour, thickness: int) -> None:
    """Draw every other `DASH` points of a closed contour ``(n, 1, 2)``."""
    for start in range(0, len(contour), 2 * DASH):
        part = contour[start : start + DASH]
        cv2.polylines(picture, [part], False, colour, thickness, cv2.LINE_AA)


def write(
    picture: Picture,
    text: str,
    place: tuple[int, int],
    colour: Colour,
    size: float,
    thickness: int = 1,
) -> None:
    """Write text with a dark rim, so that it can be read on a bright background."""
    cv2.putText(picture, text, place, FONT, size, (0, 0, 0), thickness + 2, cv2.LINE_AA)
    cv2.putText(picture, text, place, FONT, size, colour, thickness, cv2.LINE_AA)


def sheet(tiles: Sequence[Picture], title: str, *, columns: int, with_reference: bool) -> Picture:
    """Tiles in rows under a title and the stamp, above a legend."""
    rows = -(-len(tiles) // columns)
    width = max(min(columns, len(tiles)) * (TILE + GAP) - GAP, 2 * TILE)  # the stamp needs room
    height = BAND + rows * (TILE + CAPTION + GAP) + BAND // 2
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    for number, tile in enumerate(tiles):
        y = BAND + number // columns * (TILE + CAPTION + GAP)
        x = number % columns * (TILE + GAP)
        picture[y : y + tile.shape[0], x : x + TILE] = tile
    write(picture, title, (8, 30), TEXT, 0.6)
    (stamp_width, _), _ = cv2.getTextSize(RESEARCH_NOTICE, FONT, 0.6, 2)
    write(picture, RESEARCH_NOTICE, (width - stamp_width - 8, 30), STAMP, 0.6, thickness=2)
    write(picture, "found", (8, height - 8), FOUND, 0.5)
    if with_reference:
        write(picture, "reference", (70, height - 8), REFERENCE, 0.5)
    write(picture, "R, L, A, P, S, I: sides of the patient", (180, height - 8), FAINT, 0.45)
    return picture


def grey_slice(voxels: NDArray[np.float32], window: tuple[float, float]) -> Picture:
    """A slice in 256 greys between the two ends of a window."""
    low, high = window
    grey: Picture = np.clip((voxels - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    return grey


def png_bytes(picture: Picture) -> bytes:
    """A picture as PNG.

    Raises
    ------
    RuntimeError
        OpenCV cannot encode it.
    """
    done, data = cv2.imencode(".png", picture)
    if not done:
        raise RuntimeError("the picture could not be encoded as PNG")
    return bytes(data)


def grey_window(voxels: NDArray[np.float32]) -> tuple[float, float]:
    """Grey levels for black and white: air stays black, and a few bright vessels may saturate."""
    sample = voxels[::2, ::4, ::4] if voxels.size > 1 << 20 else voxels
    low = float(np.percentile(sample, 1))
    head = sample[sample > low + 0.1 * (float(np.percentile(sample, 99.9)) - low)]
    high = float(np.percentile(head, 99.7)) if head.size else low
    return low, max(high, low + 1e-6)


def head_window(voxels: NDArray[np.float32], threshold: float) -> Box:
    """Rows and columns that hold the head in any slice, with a margin."""
    inside = (voxels > threshold).mean(axis=0) > 0.02
    box = bounding_box(inside if inside.any() else np.ones_like(inside))
    margins = [max(2, (side.stop - 1 - side.start) // 20) for side in box]
    rows, columns = widened(box, margins, inside.shape)
    return rows, columns


def jpeg_bytes(png: bytes) -> bytes:
    """One of our PNGs as JPEG, about a fifth of its bytes, for pages with many pictures."""
    picture = cv2.imdecode(np.frombuffer(png, dtype=np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError("png must be a picture that can be decoded")
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return encoded.tobytes()
