import numpy as np
import pytest

from imaging.clahe import enhance_contrast, tile_grid


def head(rows=96, columns=120, seed=0):
    y, x = np.mgrid[:rows, :columns]
    shade = 100.0 + x / 2 + 20 * np.sin(y / 9)
    noise = np.random.default_rng(seed).normal(0, 8, (3, rows, columns))
    return (shade + noise).astype(np.float32)


def test_equalised_values_lie_between_0_and_1_and_the_input_does_not_change():
    voxels = head()
    before = voxels.copy()
    enhanced = enhance_contrast(voxels, clip_limit=2.0, tile_mm=28.0)
    assert enhanced.shape == voxels.shape
    assert enhanced.dtype == np.float32
    assert enhanced.min() >= 0.0
    assert enhanced.max() <= 1.0
    np.testing.assert_array_equal(voxels, before)


@pytest.mark.parametrize("change", [{"clip_limit": 4.0}, {"tile_mm": 48.0}])
def test_each_clahe_setting_changes_the_result(change):
    settings = {"clip_limit": 2.0, "tile_mm": 28.0}
    first = enhance_contrast(head(), **settings)
    second = enhance_contrast(head(), **(settings | change))
    assert np.abs(first - second).mean() > 0.01


def test_the_unit_of_the_scanner_does_not_change_equalised_values():
    voxels = np.rint(head()).astype(np.float32)
    first = enhance_contrast(voxels, clip_limit=2.0, tile_mm=28.0)
    second = enhance_contrast(voxels * 64 - 4096, clip_limit=2.0, tile_mm=28.0)
    np.testing.assert_array_equal(first, second)


def test_slices_equalised_with_the_range_of_the_head_are_as_in_the_whole_head():
    voxels = head()
    whole = enhance_contrast(voxels, clip_limit=2.0, tile_mm=28.0)
    limits = (float(voxels.min()), float(voxels.max()))
    one = enhance_contrast(voxels[1:2], clip_limit=2.0, tile_mm=28.0, value_range=limits)
    np.testing.assert_array_equal(one[0], whole[1])


@pytest.mark.parametrize(
    ("shape", "tile_mm", "spacing_mm", "tiles"),
    [
        ((200, 160), 28.0, 1.0, (7, 6)),  # 200/28 = 7.1, 160/28 = 5.7
        ((400, 320), 28.0, 0.5, (7, 6)),  # the same head, finer
        ((64, 64), 4.0, 1.0, (4, 4)),  # no tile under 16 x 16 = 256 pixels
        ((10, 10), 28.0, 1.0, (1, 1)),
    ],
)
def test_tiles_have_the_wanted_size_in_millimetres(shape, tile_mm, spacing_mm, tiles):
    assert tile_grid(shape, tile_mm=tile_mm, spacing_mm=spacing_mm) == tiles


def test_a_volume_of_one_value_stays_flat():
    flat = np.full((2, 32, 32), 7.0, dtype=np.float32)
    assert not enhance_contrast(flat, clip_limit=2.0, tile_mm=28.0).any()


@pytest.mark.parametrize(
    ("shape", "settings", "words"),
    [
        ((8, 8), {}, "voxels must be"),
        ((1, 8, 8), {"clip_limit": 0.0}, "clip_limit must be greater than 0, got 0"),
        ((1, 8, 8), {"tile_mm": -1.0}, "tile_mm must be greater than 0, got -1"),
    ],
)
def test_wrong_clahe_arguments_are_named(shape, settings, words):
    voxels = np.zeros(shape, dtype=np.float32)
    with pytest.raises(ValueError, match=words):
        enhance_contrast(voxels, **({"clip_limit": 2.0, "tile_mm": 28.0} | settings))
