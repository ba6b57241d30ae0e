"""Polygons back to pixels, by the even-odd rule alone, as any other software would do it."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def filled(polygons: Iterable[NDArray[np.float64]], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels ``(H, W)`` whose centre lies in one of the polygons, each ``(N, 2)`` of row and
    column.
    """
    rows, columns = np.meshgrid(*(np.arange(size) for size in shape), indexing="ij")
    whole = np.zeros(shape, dtype=np.bool_)
    for polygon in polygons:
        inside = np.zeros(shape, dtype=np.bool_)
        for (row, column), (to_row, to_column) in zip(
            polygon, np.roll(polygon, -1, axis=0), strict=True
        ):
            if row == to_row:
                continue
            between = (row > rows) != (to_row > rows)
            crossing = column + (rows - row) * (to_column - column) / (to_row - row)
            inside ^= between & (columns < crossing)
        whole |= inside
    return whole
