"""Pictures of a result: a montage of key slices, and a key image of each lesion. They name no
patient, no study and no date.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from imaging.boxes import bounding_box
from imaging.export.pictures.display import PictureLayout, layout_of
from imaging.export.pictures.drawing import (
    FOUND,
    REFERENCE,
    TEXT,
    Box,
    Picture,
    Tile,
    grey_slice,
    grey_window,
    head_window,
    png_bytes,
    sheet,
)
from imaging.lesions.lesion import Lesion
from imaging.volume import Volume

MAX_TILES = 6
COLUMNS = 3
DETAIL_MM = 50.0  # least side of the detail of a lesion
DETAIL_DIAMETERS = 2.0  # and at least this many times its diameter
SCALE_MM = 10.0

Mask = NDArray[np.bool_]


def preview_png(
    volume: Volume,
    labels: NDArray[np.uint16],
    lesions: Sequence[Lesion],
    *,
    reference: Mask | None = None,
) -> bytes:
    """Draw up to six native slices, those of the largest lesions first, as a PNG.

    Slices are shown in radiological convention, the patient's right on the left, cropped to the
    head. Lesions are outlined and numbered in orange, possible ones broken and with a question
    mark, the reference in light blue. Without lesions evenly spaced slices are shown. Native
    planes: a sagittal series shows sagittal slices.

    Parameters
    ----------
    labels, reference
        ``(Z, H, W)`` on the grid of `volume`.
    """
    scene = _Scene(volume, labels, lesions, reference)
    tiles = []
    for z in key_slices(labels, lesions, reference):
        here = [lesion for lesion in lesions if lesion.slice_index == z]
        tiles.append(scene.tile(z, scene.head).finish(scene.caption(z, here)))
    title = _title(lesions)
    return png_bytes(sheet(tiles, title, columns=COLUMNS, with_reference=reference is not None))


def key_images(
    volume: Volume,
    labels: NDArray[np.uint16],
    lesions: Sequence[Lesion],
    *,
    reference: Mask | None = None,
) -> Iterator[tuple[Lesion, bytes]]:
    """Draw each lesion on the native slice where it is largest, as a PNG: the whole head, the
    lesion large without contour, and with it. One after the other, when the next is asked for.

    Otherwise as `preview_png`.
    """
    scene = _Scene(volume, labels, lesions, reference)
    for lesion in lesions:
        z = lesion.slice_index
        box = _detail(labels[z] == lesion.number, lesion, volume.spacing)
        whole, bare = scene.tile(z, scene.head), scene.bare(z, box)
        outlined = scene.tile(z, box, thickness=2)
        inside = np.zeros(labels.shape[1:], dtype=np.bool_)
        inside[box] = True
        whole.frame(inside[scene.head], TEXT)
        for tile in (bare, outlined):
            tile.scale_bar(SCALE_MM)
        captions = scene.caption(z, []), "as it is", scene.caption(z, [lesion]).split("   ")[-1]
        tiles = [
            tile.finish(words)
            for tile, words in zip((whole, bare, outlined), captions, strict=True)
        ]
        title = f"metseg: lesion {lesion.number} of {len(lesions)}, {lesion.volume_mm3:,.0f} mm3"
        picture = sheet(tiles, title, columns=3, with_reference=reference is not None)
        yield lesion, png_bytes(picture)


def key_slices(
    labels: NDArray[np.uint16],
    lesions: Sequence[Lesion],
    reference: Mask | None = None,
) -> list[int]:
    """Slices to show, in rising order: those of the largest lesions, then those with the most
    missed reference.
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


class _Scene:
    """A volume with what is drawn on it, in one window of greys."""

    def __init__(
        self,
        volume: Volume,
        labels: NDArray[np.uint16],
        lesions: Sequence[Lesion],
        reference: Mask | None,
    ) -> None:
        self._volume, self._labels, self._lesions = volume, labels, lesions
        self._reference = reference
        self._layout: PictureLayout = layout_of(volume.affine)
        self._window = low, high = grey_window(volume.voxels)
        self.head: Box = head_window(volume.voxels, low + 0.15 * (high - low))

    def bare(self, z: int, box: Box) -> Tile:
        """Part of a slice with nothing drawn on it."""
        grey: Picture = grey_slice(self._volume.voxels[z][box], self._window)
        return Tile(self._layout, grey)

    def tile(self, z: int, box: Box, *, thickness: int = 1) -> Tile:
        """Part of a slice with the contours of the lesions and the reference."""
        tile = self.bare(z, box)
        if self._reference is not None:
            tile.outline(self._reference[z][box], REFERENCE, thickness=thickness)
        here = set(np.unique(self._labels[z][box]).tolist())
        for lesion in (one for one in self._lesions if one.number in here):
            mask = self._labels[z][box] == lesion.number
            name = f"{lesion.number}?" if lesion.possible else str(lesion.number)
            tile.outline(mask, FOUND, name, thickness=thickness, broken=lesion.possible)
        return tile

    def caption(self, z: int, lesions: Sequence[Lesion]) -> str:
        """Plane and slice, counted from 1, and the sizes of lesions."""
        sizes = ", ".join(
            f"{one.number}: {one.longest_diameter_mm:.0f} x {one.perpendicular_diameter_mm:.0f} mm"
            for one in lesions[:2]
        )
        where = f"{self._layout.plane} {z + 1}/{self._labels.shape[0]}"
        return where + (f"   {sizes}" if sizes else "")


def _detail(mask: Mask, lesion: Lesion, spacing: tuple[float, float, float]) -> Box:
    """Rows and columns around a lesion, a square in mm where the slice has room."""
    side_mm = max(DETAIL_MM, DETAIL_DIAMETERS * lesion.longest_diameter_mm)
    spans = []
    for side, size, step in zip(bounding_box(mask), mask.shape, spacing[1:], strict=True):
        reach = side_mm / 2 / step
        middle = (side.start + side.stop - 1) / 2
        spans.append(slice(max(0, round(middle - reach)), min(size, round(middle + reach) + 1)))
    return spans[0], spans[1]


def _title(lesions: Sequence[Lesion]) -> str:
    if not lesions:
        return "metseg: no lesion found"
    total = sum(lesion.volume_mm3 for lesion in lesions) / 1000
    return f"metseg: {len(lesions)} lesion{'s' * (len(lesions) > 1)}, {total:.2f} ml"
