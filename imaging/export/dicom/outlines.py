"""Outlines of a slice of a mask along the edges of its pixels, one polygon per region.

A polygon has exactly the area of its pixels, and holds the centres of these pixels and no others:
the mask can be found again without loss, however small the lesion. Contours through pixel centres,
or half-way between them, lose a rim.
"""

import numpy as np
from numpy.typing import NDArray

_Vertex = tuple[int, int]  # row and column of a corner between pixels
_Way = tuple[int, int]
_Loop = list[_Vertex]  # closed: the last vertex joins the first
_Edges = dict[tuple[_Vertex, _Way], None]  # a set in the order of insertion

_RIGHT: dict[_Way, _Way] = {(0, 1): (1, 0), (1, 0): (0, -1), (0, -1): (-1, 0), (-1, 0): (0, 1)}


def outlines(mask: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """Closed polygons around the 4-connected regions of a slice.

    A hole is joined to the outline by a channel of no width (keyhole, PS3.3 C.8.8.6.3), so that
    each region is one closed polygon, and even-odd and winding rules fill it alike.

    Parameters
    ----------
    mask
        ``(H, W)``. Not changed.

    Returns
    -------
    Each ``(N, 2)``: row and column of its corners in pixels, the centre of the first pixel at
    (0, 0), so that edges lie at halves. The first point is not repeated.
    """
    loops = _loops(_edges(mask))
    outer = [loop for loop in loops if _area(loop) > 0]
    holes = [loop for loop in loops if _area(loop) < 0]
    for hole in sorted(holes, key=lambda loop: min(column for _, column in loop)):
        _join(outer, hole)
    return [np.array(_corners(loop), dtype=np.float64) - 0.5 for loop in outer]


def _edges(mask: NDArray[np.bool_]) -> _Edges:
    """Sides of pixels between inside and outside, the inside on the right hand."""
    inside = np.pad(mask, 1)
    edges: _Edges = {}
    for row, column in np.argwhere(mask).tolist():
        at = row + 1, column + 1  # in `inside`
        if not inside[at[0] - 1, at[1]]:
            edges[(row, column), (0, 1)] = None
        if not inside[at[0], at[1] + 1]:
            edges[(row, column + 1), (1, 0)] = None
        if not inside[at[0] + 1, at[1]]:
            edges[(row + 1, column + 1), (0, -1)] = None
        if not inside[at[0], at[1] - 1]:
            edges[(row + 1, column), (-1, 0)] = None
    return edges


def _loops(edges: _Edges) -> list[_Loop]:
    """Edges joined end to end. Where pixels touch only at a corner, the way turns right and parts
    them.
    """
    left = edges.copy()
    loops = []
    while left:
        edge = next(iter(left))
        loop = []
        while edge in left:
            del left[edge]
            (row, column), way = edge
            loop.append((row, column))
            end = row + way[0], column + way[1]
            right = _RIGHT[way]
            back = _RIGHT[right]
            edge = next((end, to) for to in (right, way, _RIGHT[back]) if (end, to) in edges)
        loops.append(loop)
    return loops


def _area(loop: _Loop) -> float:
    """Shoelace: above 0 where the inside is on the right hand all round, below 0 for a hole."""
    rows, columns = np.array(loop, dtype=np.int64).T
    return float(columns @ np.roll(rows, -1) - rows @ np.roll(columns, -1)) / 2


def _join(outer: list[_Loop], hole: _Loop) -> None:
    """Put a hole into the loop that lies to the left of its leftmost corner, holes further left
    being joined already. The channel runs between pixels, through no centre.
    """
    start = min(range(len(hole)), key=lambda i: (hole[i][1], hole[i][0]))
    row, column = hole[start]
    _, loop, at = max(
        (vertex[1], loop, at)
        for loop, vertices in enumerate(outer)
        for at, vertex in enumerate(vertices)
        if vertex[0] == row and vertex[1] <= column
    )
    met = outer[loop]
    outer[loop] = met[: at + 1] + hole[start:] + hole[: start + 1] + met[at:]


def _corners(loop: _Loop) -> _Loop:
    """A loop without the vertices where it goes straight on."""
    points = [point for i, point in enumerate(loop) if point != loop[i - 1]]
    kept = []
    for i, (row, column) in enumerate(points):
        before, after = points[i - 1], points[(i + 1) % len(points)]
        came = np.sign(row - before[0]), np.sign(column - before[1])
        goes = np.sign(after[0] - row), np.sign(after[1] - column)
        if came != goes:
            kept.append((row, column))
    return kept
