"""The area that closed contours of one plane enclose together, by formula and in pixels."""

import numpy as np
import pytest

from imaging.masks.contours import PlaneContour, fill_plane
from metseg.errors import ReferenceMaskError

SHAPE = (60, 60)


def square(top: float, left: float, size: float) -> np.ndarray:
    """Corners between pixel centres, so that a square of 10 encloses 100 of them."""
    corners = np.array([[0, 0], [0, size], [size, size], [size, 0]])
    return corners + np.array([top, left]) - 0.5


def keyhole(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    return np.concatenate([outer, outer[:1], inner, inner[:1]])


A = square(10, 10, 20)  # 400
HOLE = square(15, 15, 8)  # 64
ISLAND = square(17, 17, 3)  # 9
LEFT, RIGHT = square(10, 10, 20), square(10, 25, 20)  # 5 columns of 20 in common
SHIFTED = A + 0.2  # within another by less than half a pixel
BOW = np.array([[9.5, 9.5], [29.5, 29.5], [9.5, 29.5], [29.5, 9.5]])  # two triangles of 10 x 20 / 2
TWICE_ROUND = np.concatenate([A, A])
TURN = np.linspace(0.0, 2 * np.pi + 1.5, 120)[:, None]  # a quarter more than once round
OVERSHOT = 30.0 + (20.0 - 0.5 * TURN) * np.hstack([np.cos(TURN), np.sin(TURN)])

PLAIN = {
    "one": ([A], 400),
    "the first corner again at the end": ([np.concatenate([A, A[:1]])], 400),
    "twice": ([A, A], 400),
    "three times": ([A, A, A], 400),
    "twice, the other way round": ([A, A[::-1]], 400),
    "twice, from another corner on": ([A, np.roll(A, 1, axis=0)], 400),
    "twice in one contour": ([TWICE_ROUND], 400),
    "twice, a little smaller": ([A, square(10.2, 10.2, 19.6)], 400),
    "two halves that overlap": ([LEFT, RIGHT], 700),
    "three parts that overlap": ([square(10, 10, 20), square(10, 28, 20), square(10, 19, 20)], 760),
    "apart": ([A, square(40, 40, 10)], 500),
    "side by side": ([square(10, 10, 10), square(10, 20, 10)], 200),
    "a hole": ([A, HOLE], 336),
    "a hole, drawn first": ([HOLE, A], 336),
    "a hole, drawn the other way round": ([A, HOLE[::-1]], 336),
    "a hole twice": ([A, HOLE, HOLE], 336),
    "all of it twice": ([A, HOLE, A, HOLE], 336),
    "two holes": ([A, HOLE, square(25, 12, 4)], 320),
    "two holes that overlap": ([A, square(12, 12, 8), square(16, 16, 8)], 400 - 112),
    "a hole at the edge": ([A, square(10, 15, 8)], 336),
    "an island in a hole": ([A, HOLE, ISLAND], 345),
    "a thin ring": ([A, square(11, 11, 18)], 400 - 324),
    "two areas, a hole in one": ([A, HOLE, square(40, 40, 10)], 436),
    "keyhole": ([keyhole(A, HOLE[::-1])], 336),
    "keyhole, both the same way round": ([keyhole(A, HOLE)], 336),
    "keyhole twice": ([keyhole(A, HOLE), keyhole(A, HOLE)], 336),
    "keyhole with an island": ([keyhole(A, HOLE), ISLAND], 345),
    "two areas that touch at a corner": ([square(10, 10, 10), square(20, 20, 10)], 200),
    "a line and a point": ([A, A[:2], A[:1]], 400),
    "a contour without area": ([A, np.array([[15.0, 15.0], [18.0, 18.0], [21.0, 21.0]])], 400),
}


@pytest.mark.parametrize(("contours", "area"), PLAIN.values(), ids=PLAIN)
def test_plain_contours_are_joined_and_what_is_within_is_a_hole(contours, area):
    assert fill_plane([PlaneContour(one) for one in contours], SHAPE).sum() == area


XOR = {
    "a hole": ([A, HOLE], 336),
    "an island": ([A, HOLE, ISLAND], 345),
    "halves that overlap": ([LEFT, RIGHT], 600),
    "one of them twice": ([A, HOLE, A], 336),
}


@pytest.mark.parametrize(("contours", "area"), XOR.values(), ids=XOR)
def test_contours_of_type_xor_are_combined_by_xor(contours, area):
    exclusive = [PlaneContour(one, exclusive=True) for one in contours]
    assert fill_plane(exclusive, SHAPE).sum() == area


def test_both_lobes_of_a_contour_that_crosses_itself_are_filled():
    assert fill_plane([PlaneContour(BOW)], SHAPE).sum() == pytest.approx(200, abs=10)


def test_a_hand_drawn_contour_that_crosses_itself_is_filled_whole():
    rows, columns = np.indices(SHAPE)
    inner = np.hypot(rows - 30, columns - 30) < 16.0  # the radius falls from 20 to 16.1
    assert fill_plane([PlaneContour(OVERSHOT)], SHAPE)[inner].all()


def test_a_shifted_copy_of_a_contour_has_the_same_area():
    both = fill_plane([PlaneContour(A), PlaneContour(SHIFTED)], SHAPE)
    assert both.sum() == pytest.approx(400, abs=40)
    assert both[10:30, 10:30].all()


def test_more_contours_than_anybody_draws_are_refused():
    many = [PlaneContour(A + 0.001 * n) for n in range(2001)]
    with pytest.raises(ReferenceMaskError, match="at most 2000 contours"):
        fill_plane(many, SHAPE)
    with pytest.raises(ReferenceMaskError, match="span at most"):
        fill_plane([PlaneContour(A * 1000.0)] * 2, (30_000, 30_000))
