"""Boxes around masks."""

import numpy as np

from imaging.boxes import bounding_box, widened


def test_a_bounding_box_holds_all_that_is_marked_and_no_more():
    mask = np.zeros((4, 5, 6), dtype=bool)
    mask[1, 2, 3] = mask[2, 4, 3] = True
    assert bounding_box(mask) == (slice(1, 3), slice(2, 5), slice(3, 4))


def test_the_bounding_box_of_an_empty_mask_is_its_first_voxel():
    assert bounding_box(np.zeros((4, 5), dtype=bool)) == (slice(0, 1), slice(0, 1))


def test_a_box_is_widened_by_one_number_or_one_per_axis_and_stays_inside():
    box = (slice(1, 3), slice(2, 5))
    assert widened(box, 1, (4, 5)) == (slice(0, 4), slice(1, 5))
    assert widened(box, [0, 2], (9, 9)) == (slice(1, 3), slice(0, 7))
