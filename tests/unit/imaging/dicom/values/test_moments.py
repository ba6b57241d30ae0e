"""When an image was acquired, from the attributes that say so."""

import pytest

from imaging.dicom.values.moments import acquired_at


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ({"AcquisitionDateTime": "20260102030405.5+0100"}, "20260102030405.5"),
        ({"AcquisitionDate": "20260102", "AcquisitionTime": "030405.25"}, "20260102030405.25"),
        ({"AcquisitionDate": "2026.01.02", "AcquisitionTime": "03:04:05"}, "00000000030405"),
        ({"AcquisitionTime": "030405"}, "00000000030405"),
        ({"AcquisitionDateTime": "2026010203.2525", "AcquisitionTime": "030405"}, "00000000030405"),
        ({"AcquisitionDate": "20260102", "AcquisitionTime": "1.555555"}, ""),
        ({"AcquisitionDate": "20260.02", "AcquisitionTime": "030405"}, "00000000030405"),
        ({}, ""),
    ],
)
def test_a_moment_begins_with_a_day_and_a_clock_of_six_digits(said, moment):
    assert acquired_at(lambda keyword: [said[keyword]] if keyword in said else []) == moment
