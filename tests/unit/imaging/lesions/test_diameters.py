"""Diameters of discs, ellipses and boxes of known size, to within the voxels that draw them."""

import numpy as np
import pytest

from imaging.lesions.diameters import axial_axis, axial_diameters
from tests.helpers.dicom.phantom import grid_affine


def ellipse(a: float, b: float, turn_deg: float, pixel: tuple[float, float], size: int = 90):
    """``(H, W)`` of an ellipse with diameters `a` and `b` mm, `a` turned from the vertical."""
    y, x = (
        np.arange(size)[:, None] - size / 2 + 0.3,
        np.arange(size)[None, :] - size / 2 + 0.1,
    )
    y, x = y * pixel[0], x * pixel[1]
    turn = np.deg2rad(turn_deg)
    u, v = np.cos(turn) * y + np.sin(turn) * x, -np.sin(turn) * y + np.cos(turn) * x
    return (u / (a / 2)) ** 2 + (v / (b / 2)) ** 2 <= 1


@pytest.mark.parametrize("pixel", [(1.0, 1.0), (0.5, 0.5), (0.9, 0.45), (0.6, 1.2)])
@pytest.mark.parametrize("turn", [0, 30, 45, 77])
@pytest.mark.parametrize(("a", "b"), [(12, 12), (20, 9), (30, 6)])
def test_an_ellipse_measures_its_axes(a, b, turn, pixel):
    mask = ellipse(a, b, turn, pixel)[None]
    longest, perpendicular = axial_diameters(mask, grid_affine(mask.shape, (3.0, *pixel)))
    assert longest == pytest.approx(a, abs=max(pixel))
    assert perpendicular == pytest.approx(b, abs=1.3 * max(pixel))


@pytest.mark.parametrize(
    ("plane", "axis"), [("axial", 0), ("sagittal", 1), ("coronal", 1), ("oblique", 0)]
)
def test_diameters_are_measured_in_the_grid_plane_closest_to_axial(plane, axis):
    affine = grid_affine((5, 5, 5), (3, 1, 1), plane=plane)
    assert axial_axis(affine) == axis


def test_a_sagittal_series_is_measured_across_its_slices():
    # 5 slices of 2 mm from left to right, 3 mm head-foot, 4 mm front to back: axial 10 x 4 mm.
    mask = np.ones((5, 3, 4), dtype=bool)
    affine = grid_affine(mask.shape, (2.0, 1.0, 1.0), plane="sagittal")
    longest, perpendicular = axial_diameters(mask, affine)
    between_centres = np.hypot(8, 3)
    assert between_centres < longest < between_centres + 2
    assert 3 < perpendicular < 8


def test_the_diameters_of_a_single_voxel_are_its_sides():
    mask = np.ones((1, 1, 1), dtype=bool)
    longest, perpendicular = axial_diameters(mask, grid_affine((1, 1, 1), (3.0, 0.5, 0.8)))
    assert longest == pytest.approx(0.8)
    assert perpendicular == pytest.approx(0.5, abs=0.13)


def test_the_diameter_of_a_row_of_voxels_reaches_from_edge_to_edge():
    mask = np.ones((1, 1, 10), dtype=bool)
    longest, perpendicular = axial_diameters(mask, grid_affine(mask.shape, (3.0, 1.0, 1.0)))
    assert longest == pytest.approx(10.0)
    assert perpendicular == pytest.approx(1.0, abs=0.26)


def test_the_slice_with_the_longest_diameter_gives_both_diameters():
    mask = np.zeros((2, 12, 12), dtype=bool)
    mask[0, :11, :1] = True  # 11 x 1 mm
    mask[1, :8, :8] = True  # diagonal hypot(7, 7) + 1 = 10.9 mm, but wider
    longest, perpendicular = axial_diameters(mask, grid_affine(mask.shape, (3.0, 1.0, 1.0)))
    assert longest == pytest.approx(11.0)
    assert perpendicular == pytest.approx(1.0, abs=0.26)
