from itertools import permutations, product

import numpy as np
import pytest

from imaging.resample import axial_grid, to_axial, to_native
from imaging.volume import Volume

# LPS directions of (slice, row, column) axes as scanners send them.
PLANES = {
    "axial": [[0, 0, 1], [0, 1, 0], [1, 0, 0]],
    "sagittal": [[1, 0, 0], [0, 0, -1], [0, 1, 0]],
    "coronal": [[0, 1, 0], [0, 0, -1], [1, 0, 0]],
}


def volume(shape, directions, spacing, *, origin=(-30.0, 12.0, 5.0)):
    affine = np.eye(4)
    affine[:3, :3] = (np.array(directions, dtype=float) * np.array(spacing)[:, None]).T
    affine[:3, 3] = origin
    return Volume(np.zeros(shape, dtype=np.float32), affine)


def ramp(empty):
    """The volume whose voxels hold a linear function of their LPS position."""
    index = np.stack(np.meshgrid(*map(np.arange, empty.shape), indexing="ij"), axis=-1)
    position = empty.to_lps(index.astype(np.float64))
    values = (position @ np.array([1.0, 2.0, -3.0])).astype(np.float32)
    return Volume(values, empty.affine)


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 0.5, 0.5), (1.2, 0.9, 0.7)])
def test_a_linear_function_of_position_survives_resampling_there_and_back(plane, spacing):
    native = ramp(volume((20, 40, 36), PLANES[plane], spacing))
    axial, grid = to_axial(native)
    # Away from the edge, where half a voxel is held constant.
    core = (slice(4, -4),) * 3
    np.testing.assert_allclose(axial.voxels[core], ramp(axial).voxels[core], atol=1e-3)
    back = to_native(axial.voxels, grid)
    np.testing.assert_allclose(back[core], native.voxels[core], atol=1e-3)


@pytest.mark.parametrize("plane", PLANES)
def test_the_first_axial_slice_is_inferior_rows_go_back_and_columns_go_left(plane):
    axial, _ = to_axial(volume((10, 12, 14), PLANES[plane], (2.0, 1.0, 1.0)))
    directions = axial.affine[:3, :3]
    np.testing.assert_allclose(directions, [[0, 0, 1], [0, 1, 0], [1, 0, 0]])
    assert axial.spacing == pytest.approx((1.0, 1.0, 1.0))


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("signs", list(product((1, -1), repeat=3)))
def test_resampling_at_1_mm_is_an_exact_permutation(order, signs):
    directions = (np.eye(3)[list(order)] * np.array(signs)[:, None]).tolist()
    native = volume((5, 6, 7), directions, (1.0, 1.0, 1.0))
    values = np.random.default_rng(0).random(native.shape, dtype=np.float32)
    native = Volume(values, native.affine)
    axial, grid = to_axial(native)
    np.testing.assert_array_equal(to_native(axial.voxels, grid), values)
    # A marked voxel is at the same place in the patient.
    index = np.array(np.unravel_index(np.argmax(values), values.shape), dtype=float)
    moved = np.array(np.unravel_index(np.argmax(axial.voxels), axial.shape), dtype=float)
    np.testing.assert_allclose(axial.to_lps(moved), native.to_lps(index), atol=1e-9)


def test_an_oblique_head_keeps_its_obliquity():
    tilt = np.radians(20)
    turn = [[0, np.sin(tilt), np.cos(tilt)], [0, np.cos(tilt), -np.sin(tilt)], [1, 0, 0]]
    native = ramp(volume((20, 24, 28), turn, (1.5, 1.0, 1.0)))
    axial, grid = to_axial(native)
    assert axial.shape == (30, 24, 28)  # 20 slices of 1.5 mm
    core = (slice(3, -3),) * 3
    np.testing.assert_allclose(axial.voxels[core], ramp(axial).voxels[core], atol=1e-3)
    np.testing.assert_allclose(to_native(axial.voxels, grid)[core], native.voxels[core], atol=1e-3)


def test_the_native_grid_is_0_outside_the_box():
    native = volume((10, 10, 10), PLANES["axial"], (1.0, 1.0, 1.0))
    grid = axial_grid(native)
    back = to_native(np.ones((2, 3, 4), dtype=np.float32), grid, corner=(5, 6, 1))
    expected = np.zeros((10, 10, 10), dtype=np.float32)
    expected[5:7, 6:9, 1:5] = 1
    np.testing.assert_array_equal(back, expected)


def test_a_box_outside_the_axial_grid_is_refused():
    grid = axial_grid(volume((4, 4, 4), PLANES["axial"], (1.0, 1.0, 1.0)))
    with pytest.raises(ValueError, match="values at corner must lie in"):
        to_native(np.ones((2, 2, 2), dtype=np.float32), grid, corner=(3, 0, 0))


def test_a_spacing_of_0_is_refused():
    with pytest.raises(ValueError, match="spacing_mm must be greater than 0, got 0"):
        axial_grid(volume((4, 4, 4), PLANES["axial"], (1.0, 1.0, 1.0)), spacing_mm=0.0)
