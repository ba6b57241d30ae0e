import numpy as np
import pytest

from imaging.resample import to_native
from imaging.volume import Volume
from models.inputs import (
    InputContract,
    equalise,
    find_head,
    head_box,
    native_head,
    normalise,
    prepare,
    stack,
)
from tests.helpers.dicom.phantom import head_with_lesions

AXIAL = np.array([[0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])


def ball(shape=(40, 60, 50), radii=(15, 22, 17), value=500.0, noise=20.0, seed=0):
    """A head of one tissue in the middle, air around it, and scanner noise everywhere."""
    index = np.indices(shape, dtype=np.float32)
    middle = (np.array(shape, dtype=np.float32) - 1) / 2
    distance = sum(((i - m) / r) ** 2 for i, m, r in zip(index, middle, radii, strict=True))
    inside = distance < 1
    rng = np.random.default_rng(seed)
    voxels = np.abs(inside * value * (1 + 0.1 * np.sin(index[1] / 5)) + rng.normal(0, noise, shape))
    return voxels.astype(np.float32), inside


def overlap(a, b):
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


@pytest.mark.parametrize("noise", [0.0, 20.0], ids=["skull-stripped", "full head with noise"])
@pytest.mark.parametrize(("gain", "offset"), [(1, 0), (1e-3, 0), (60, 0), (1, -1024)])
def test_the_head_is_found_in_any_unit_of_brightness(noise, gain, offset):
    voxels, inside = ball(noise=noise)
    found = find_head((voxels * gain + offset).astype(np.float32))
    assert overlap(found, inside) > 0.9


def test_outliers_at_32767_hide_neither_the_head_nor_its_tissue():
    voxels, inside = ball(noise=0.0)
    spoilt = voxels.copy()
    spoilt[20, 30, 20:30] = 32767.0
    assert overlap(find_head(spoilt), inside) > 0.9
    contract = InputContract()
    clean = normalise(voxels, inside, contract)
    other = normalise(spoilt, inside, contract)
    away = np.ones(voxels.shape, dtype=bool)
    away[20, 30, 20:30] = False
    np.testing.assert_allclose(other[away], clean[away], atol=0.1)


def test_ventricles_belong_to_the_head():
    voxels, inside = ball(noise=0.0)
    voxels[18:22, 24:36, 20:30] = 0.0
    assert find_head(voxels)[20, 30, 25]
    assert overlap(find_head(voxels), inside) > 0.9


@pytest.mark.parametrize("value", [0.0, 7.0, -3.0])
def test_a_volume_of_one_value_is_all_head_and_becomes_zeros(value):
    flat = np.full((6, 8, 10), value, dtype=np.float32)
    assert find_head(flat).all()
    head = prepare(Volume(flat, AXIAL), InputContract())
    assert not head.normalised.any()
    assert np.isfinite(head.clahe).all()


def test_a_prepared_head_has_mean_0_and_deviation_1():
    voxels, inside = ball()
    normalised = normalise(voxels, inside, InputContract())
    assert normalised.dtype == np.float32
    assert normalised[inside].mean() == pytest.approx(0.0, abs=1e-3)
    assert normalised[inside].std() == pytest.approx(1.0, abs=1e-3)


def test_gain_and_offset_do_not_change_what_the_networks_see():
    voxels, _ = ball()
    contract = InputContract()
    first = prepare(Volume(voxels, AXIAL), contract)
    second = prepare(Volume(voxels * 37 - 500, AXIAL), contract)
    assert first.corner == second.corner
    np.testing.assert_allclose(first.normalised, second.normalised, atol=1e-3)


def test_the_box_holds_the_head_and_its_margin():
    mask = np.zeros((20, 20, 20), dtype=bool)
    mask[5:9, 0:3, 12:19] = True
    assert head_box(mask, margin=2) == (slice(3, 11), slice(0, 5), slice(10, 20))
    empty = np.zeros((3, 4, 5), dtype=bool)
    assert head_box(empty, margin=2) == (slice(0, 3), slice(0, 4), slice(0, 5))


def test_a_prepared_head_goes_back_to_its_native_place():
    voxels, inside = ball(shape=(20, 60, 50), radii=(8, 22, 17), noise=0.0)
    affine = AXIAL @ np.diag([2.0, 1.0, 1.0, 1.0])
    head = prepare(Volume(voxels, affine), InputContract())
    assert head.normalised.shape[0] <= 40
    back = to_native((head.normalised > 0).astype(np.float32), head.grid, corner=head.corner)
    assert back.shape == voxels.shape
    assert not back[~inside].round().any()


def test_input_channels_are_the_slice_below_itself_above_and_clahe():
    normalised = np.arange(4, dtype=np.float32)[:, None, None] * np.ones((4, 2, 3), np.float32)
    clahe = normalised / 10
    batch = stack(normalised, clahe, [0, 2, 3])
    assert batch.shape == (3, 2, 3, 4)
    np.testing.assert_allclose(
        batch[:, 0, 0],
        [[0, 0, 1, 0.0], [1, 2, 3, 0.2], [2, 3, 3, 0.3]],
        atol=1e-7,
    )


def test_clahe_of_a_few_slices_is_that_of_the_head():
    voxels, inside = ball()
    normalised = normalise(voxels, inside, InputContract())
    limits = (float(normalised.min()), float(normalised.max()))
    whole = equalise(normalised, InputContract())
    few = equalise(normalised[10:12], InputContract(), value_range=limits)
    np.testing.assert_array_equal(few, whole[10:12])


@pytest.mark.parametrize("plane", ["axial", "sagittal", "oblique"])
def test_the_head_is_found_on_the_native_grid_of_any_plane(plane):
    head = head_with_lesions((24, 64, 64), (5.0, 3.0, 3.5), plane=plane)
    found = native_head(head.volume)
    assert found.shape == head.volume.shape
    assert found[head.labels > 0].all()
    assert not found[:2, :2, :2].any()
    assert 0.1 < found.mean() < 0.9
