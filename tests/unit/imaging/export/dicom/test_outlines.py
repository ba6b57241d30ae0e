"""Outlines hold exactly the pixels of their mask: area, and every centre."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from imaging.export.dicom.outlines import outlines
from tests.helpers.dicom.rasters import filled

masks = arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def area(polygon):
    after = np.roll(polygon, -1, axis=0)
    return abs(polygon[:, 1] @ after[:, 0] - polygon[:, 0] @ after[:, 1]) / 2


@settings(max_examples=150, deadline=None)
@given(masks)
def test_any_mask_is_found_again_exactly(mask):
    polygons = outlines(mask)
    np.testing.assert_array_equal(filled(polygons, mask.shape), mask)
    assert sum(area(one) for one in polygons) == pytest.approx(mask.sum())


def test_one_pixel_is_a_square_of_side_one_around_its_centre():
    mask = np.zeros((5, 5), dtype=bool)
    mask[2, 3] = True
    (polygon,) = outlines(mask)
    corners = {(1.5, 2.5), (1.5, 3.5), (2.5, 3.5), (2.5, 2.5)}
    assert {tuple(corner) for corner in polygon} == corners


def test_straight_edges_have_no_points_between_their_corners():
    mask = np.zeros((9, 9), dtype=bool)
    mask[2:7, 1:8] = True
    assert len(outlines(mask)[0]) == 4


def test_a_ring_is_one_polygon_with_a_keyhole_along_the_edges_of_pixels():
    mask = np.ones((7, 7), dtype=bool)
    mask[2:5, 2:5] = False
    (polygon,) = outlines(mask)
    assert area(polygon) == 49 - 9
    assert (polygon * 2 % 2 == 1).all(), "every corner lies between pixels"
    along = np.abs(np.diff(np.vstack([polygon, polygon[:1]]), axis=0))
    assert (along.min(axis=1) == 0).all(), "every edge runs along rows or columns"


def test_two_holes_and_an_island_in_one_of_them_are_found_again():
    mask = np.ones((9, 12), dtype=bool)
    mask[2:7, 1:6] = False
    mask[4, 3] = True
    mask[3:5, 8:10] = False
    polygons = outlines(mask)
    assert sorted(area(one) for one in polygons) == [1, 9 * 12 - 25 - 4]


def test_pixels_that_touch_at_a_corner_have_separate_outlines():
    mask = np.eye(3, dtype=bool)
    assert [area(one) for one in outlines(mask)] == [1, 1, 1]


def test_an_empty_mask_has_no_outline():
    assert outlines(np.zeros((4, 4), dtype=bool)) == []
