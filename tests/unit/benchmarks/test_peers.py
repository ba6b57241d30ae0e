import pytest

from benchmarks.peers import windows


@pytest.mark.parametrize(
    ("shape", "size", "count"),
    [
        ((128, 128, 128), (128, 128, 128), 1),
        ((100, 128, 129), (128, 128, 128), 2),  # a voxel too many asks for a second
        # 175: 47 beyond the first, steps of 64: 2; 214: 86 beyond: 3; 176: 2
        ((175, 214, 176), (128, 128, 128), 12),
        # 214 and 176 of 192: 2 and 1; 175 of 32, steps of 16: 143 beyond: 10
        ((214, 176, 175), (192, 192, 32), 20),
    ],
)
def test_sliding_windows_with_half_overlap_cover_the_scan(shape, size, count):
    assert windows(shape, size) == count
