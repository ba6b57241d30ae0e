"""Images of one volume that may not be all of one scan."""

import pytest

from imaging.dicom.parts.alike import odd_together
from tests.unit.imaging.dicom.parts.test_one_volume import stack


@pytest.mark.parametrize(
    ("traits", "distance", "said"),
    [
        (
            [{"acquired_at": "20240102100000"}, {"acquired_at": "20240102102500"}],
            3.0,
            "over 25 min",
        ),
        (
            [{"acquired_at": "20240102100000"}, {"acquired_at": "20240103100000"}],
            3.0,
            "over 1440 min",
        ),
        ([{"acquired_at": "20240102235800"}, {"acquired_at": "20240102000300"}], 3.0, ""),
        ([{"acquired_at": "20240102235800"}, {"acquired_at": "20240103000300"}], 3.0, ""),
        ([{"acquired_at": "20240102100000"}, {"acquired_at": "00000000100500"}], 3.0, ""),
        ([{"acquired_at": "20240102100000"}, {}], 3.0, ""),
        ([{"acquired_at": "20249902100000"}] * 2, 3.0, ""),
        ([{}, {}], 6.0, "6.0 mm apart and 3.0 mm by their headers"),
        ([{}, {}], 4.0, ""),
        ([{"thickness": 0.0}] * 2, 6.0, ""),
    ],
)
def test_images_that_may_not_all_be_of_one_scan_make_a_warning(traits, distance, said):
    frames = [f for one in traits for f in stack(range(8), **one)]
    warnings = odd_together(frames, distance)
    assert len(warnings) == bool(said)
    assert said in "".join(warnings)
