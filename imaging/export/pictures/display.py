"""Slices turned as radiologists look at them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.planes import nearest_plane

# For each plane: where right and down on the display point to in LPS, and the letters at the left,
# right, top and bottom edges. The patient's right is on the left, feet are below.
_LAYOUTS = {
    "sagittal": ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0), "APSI"),
    "coronal": ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), "RLSI"),
    "axial": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), "RLAP"),
}


@dataclass(frozen=True, slots=True)
class PictureLayout:
    """How the native slices of a volume are shown.

    `pixel_mm` is (down, right) on the display; `letters` are those of the left, right, top and
    bottom edge.
    """

    plane: str
    letters: str
    pixel_mm: tuple[float, float]
    transpose: bool
    flip_down: bool
    flip_right: bool

    def turn(self, plane: NDArray[Any]) -> NDArray[Any]:
        """A slice ``(H, W)`` as displayed."""
        shown = plane.T if self.transpose else plane
        if self.flip_down:
            shown = shown[::-1]
        if self.flip_right:
            shown = shown[:, ::-1]
        return np.ascontiguousarray(shown)


def layout_of(affine: NDArray[np.float64]) -> PictureLayout:
    """How native slices are shown, by the patient axis closest to their normal."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    directions = affine[:3, :3] / spacing
    normal = np.cross(directions[:, 2], directions[:, 1])
    plane, _ = nearest_plane(normal)
    right, down, letters = _LAYOUTS[plane]
    row, column = directions[:, 1], directions[:, 2]  # along growing row and column index
    transpose = bool(abs(column @ right) < abs(row @ right))
    across, along = (row, column) if not transpose else (column, row)
    sides = (spacing[1], spacing[2]) if not transpose else (spacing[2], spacing[1])
    return PictureLayout(
        plane=plane,
        letters=letters,
        pixel_mm=(float(sides[0]), float(sides[1])),
        transpose=transpose,
        flip_down=bool(across @ down < 0),
        flip_right=bool(along @ right < 0),
    )
