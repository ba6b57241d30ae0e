"""Closed contours in one plane, and the area that they enclose together.

DICOM has two ways to leave a hole: a keyhole, and contours of type CLOSEDPLANAR_XOR (PS3.3
C.8.8.6.3). Writers also draw a plain contour within another one to leave a hole, draw a contour
twice, or draw an area in parts that overlap. So what lies within another contour is a hole, and
what crosses or repeats another one is joined with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from metseg.errors import ReferenceMaskError

_FINER = 4  # contours are compared on a raster this many times finer than the pixels
_WITHIN = 0.95  # of a contour's area: so much in another hand-drawn one is within it
_THIN = 0.5  # of a pixel, mean width: what is thinner between two contours is not a ring
_SMALL = 0.1  # of an area: a contour that encloses no more than this twice counts as a whole
_MOST = 2000  # contours in a plane
_MOST_PIXELS = 1 << 26  # fine pixels in a plane, and in the boxes of all its contours
_ROUNDING = 3  # decimals of a pixel: corners that agree to these are one

Mask = NDArray[np.bool_]
Corners = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PlaneContour:
    """A closed polygon of (row, column) corners ``(N, 2)``, in pixels; `exclusive` says whether it
    is of type XOR.
    """

    corners: Corners
    exclusive: bool = False


def fill_plane(contours: Sequence[PlaneContour], shape: tuple[int, int]) -> Mask:
    """Pixels ``(H, W)`` whose centre lies in the area of all contours.

    Plain contours: those that cross, or repeat one another, are joined; one within another is a
    hole, one within a hole an island. Contours of type XOR are combined by XOR, each once.

    Raises
    ------
    ReferenceMaskError
        There are more contours than anybody draws.
    """
    loops = [(loop, one.exclusive) for one in contours for loop in _simple_loops(one.corners)]
    finer = _FINER if len(loops) > 1 else 1
    _check_size([loop for loop, _ in loops], shape, finer)
    area = np.zeros((shape[0] * finer, shape[1] * finer), dtype=np.bool_)
    patches = [(_patch(loop, finer), exclusive) for loop, exclusive in loops]
    _join([one for one, exclusive in patches if not exclusive and one.area], area, finer)
    _exclude([one for one, exclusive in patches if exclusive and one.area], area, finer)
    return np.ascontiguousarray(area[::finer, ::finer])


def _check_size(loops: Sequence[Corners], shape: tuple[int, int], finer: int) -> None:
    if len(loops) > _MOST:
        raise ReferenceMaskError(f"a plane must have at most {_MOST} contours, got {len(loops)}")
    boxes = [np.prod(np.ptp(loop, axis=0) + 1.0) for loop in loops]
    if max(shape[0] * shape[1], sum(boxes)) * finer**2 > _MOST_PIXELS:
        raise ReferenceMaskError(
            f"contours of a plane must span at most {_MOST_PIXELS // finer**2} pixels, got more"
        )


def _simple_loops(corners: Corners) -> list[Corners]:
    """A polygon parted where it comes back to a corner: a keyhole is the ring and its hole."""
    loops: list[Corners] = []
    path: list[tuple[float, float]] = []
    index: dict[tuple[float, float], int] = {}
    for row, column in np.round(corners, _ROUNDING) + 0.0:
        corner = (float(row), float(column))
        start = index.get(corner)
        if start is None:
            index[corner] = len(path)
            path.append(corner)
            continue
        loops.append(np.array(path[start:]))
        for passed in path[start + 1 :]:
            del index[passed]
        del path[start + 1 :]
    loops.append(np.array(path))
    return [loop for loop in loops if len(loop) >= 3]


@dataclass(frozen=True, slots=True, eq=False)
class _Patch:
    """What one contour encloses, on the fine raster from `corner` on; its length and its
    area in fine pixels."""

    corner: tuple[int, int]
    mask: Mask
    perimeter: float
    area: int

    @property
    def box(self) -> tuple[slice, slice]:
        (row, column), (height, width) = self.corner, self.mask.shape
        return slice(row, row + height), slice(column, column + width)


def _patch(loop: Corners, finer: int) -> _Patch:
    corners = loop * finer
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    high = np.ceil(corners.max(axis=0)).astype(int) + 1
    shape = int(high[0] - low[0]), int(high[1] - low[1])
    perimeter = float(np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1).sum())
    mask = _fill(corners - low, shape, finer, perimeter)
    return _Patch((int(low[0]), int(low[1])), mask, perimeter, int(np.count_nonzero(mask)))


def _fill(corners: Corners, shape: tuple[int, int], finer: int, perimeter: float) -> Mask:
    """Pixels within a polygon. Where it winds twice around some pixels there is a hole, unless the
    rest would be no more than a line, or that part is small: then the person who drew it crossed
    the line.
    """
    turns = _winding(corners, shape)
    inside = turns != 0
    odd = turns % 2 != 0
    twice = int(np.count_nonzero(inside & ~odd))
    is_line = np.count_nonzero(odd) < _THIN * finer * perimeter / 2
    if twice == 0 or is_line or twice < _SMALL * np.count_nonzero(inside):
        return np.asarray(inside)
    return np.asarray(odd)


def _winding(corners: Corners, shape: tuple[int, int]) -> NDArray[np.int16]:
    """How often a polygon winds around each pixel centre ``(H, W)``.

    Each side counts for what is right of it in the rows that it spans.
    """
    turns = np.zeros((shape[0], shape[1] + 1), dtype=np.int16)
    for (y0, x0), (y1, x1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        low, high = sorted((y0, y1))
        rows = np.arange(int(np.ceil(low)), int(np.ceil(high)))
        if rows.size:
            crossing = x0 + (rows - y0) * ((x1 - x0) / (y1 - y0))
            turns[rows, np.ceil(crossing).astype(np.intp)] += 1 if y1 > y0 else -1
    return np.cumsum(turns, axis=1, dtype=np.int16)[:, :-1]


def _common(a: _Patch, b: _Patch) -> int:
    """How many fine pixels both enclose."""
    start = np.maximum(a.corner, b.corner)
    stop = np.minimum(np.add(a.corner, a.mask.shape), np.add(b.corner, b.mask.shape))
    if (stop <= start).any():
        return 0
    (top, left), (bottom, right) = start, stop
    parts = [
        one.mask[top - row : bottom - row, left - column : right - column]
        for one in (a, b)
        for row, column in (one.corner,)
    ]
    return int(np.count_nonzero(parts[0] & parts[1]))


def _is_repeat(a: _Patch, b: _Patch, common: int, finer: int) -> bool:
    """Whether two contours are one, drawn twice: under half a pixel apart, on the mean."""
    if 2 * common < max(a.area, b.area):
        return False
    between = a.area + b.area - 2 * common
    return between < _THIN * finer * max(a.perimeter, b.perimeter)


def _belongs_together(a: _Patch, b: _Patch, finer: int) -> bool:
    common = _common(a, b)
    if common == 0:
        return False
    return common < _WITHIN * min(a.area, b.area) or _is_repeat(a, b, common, finer)


def _join(patches: Sequence[_Patch], area: Mask, finer: int) -> None:
    """Add plain contours: groups of those that cross or repeat, and what is within a group."""
    groups = sorted(_groups(patches, finer), key=lambda one: -one.area)
    for number, group in enumerate(groups):
        around = [one for one in groups[:number] if _common(one, group) >= _WITHIN * group.area]
        part = area[group.box]
        mask = group.mask[: part.shape[0], : part.shape[1]]
        if len(around) % 2:
            part &= ~mask
        else:
            part |= mask


def _groups(patches: Sequence[_Patch], finer: int) -> list[_Patch]:
    """The union of each group of contours that belong together."""
    if not patches:
        return []
    links = np.zeros((len(patches), len(patches)), dtype=np.bool_)
    for j, one in enumerate(patches):
        for i, other in enumerate(patches[:j]):
            links[i, j] = _belongs_together(one, other, finer)
    count, labels = connected_components(links, directed=False)
    return [
        _union([patches[int(i)] for i in np.flatnonzero(labels == group)]) for group in range(count)
    ]


def _exclude(patches: Sequence[_Patch], area: Mask, finer: int) -> None:
    """Combine contours of type XOR with what is there, a repeated one once."""
    kept: list[_Patch] = []
    for one in patches:
        if not any(_is_repeat(one, other, _common(one, other), finer) for other in kept):
            kept.append(one)
            part = area[one.box]
            part ^= one.mask[: part.shape[0], : part.shape[1]]


def _union(patches: Sequence[_Patch]) -> _Patch:
    low = np.min([one.corner for one in patches], axis=0)
    high = np.max([np.add(one.corner, one.mask.shape) for one in patches], axis=0)
    mask = np.zeros(tuple(high - low), dtype=np.bool_)
    for one in patches:
        row, column = np.subtract(one.corner, low)
        height, width = one.mask.shape
        mask[row : row + height, column : column + width] |= one.mask
    perimeter = max(one.perimeter for one in patches)
    return _Patch((int(low[0]), int(low[1])), mask, perimeter, int(np.count_nonzero(mask)))
