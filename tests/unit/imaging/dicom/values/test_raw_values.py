"""Values of an element as text."""

import warnings

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from imaging.dicom.pixels.padding import padding_of
from imaging.dicom.values.raw_values import text, whole_number
from metseg.errors import DicomError


def raw(keyword: str, vr: str, value: bytes) -> Dataset:
    """A header of one element, as it comes from a file."""
    dataset, tag = Dataset(), Tag(keyword)
    dataset[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)
    return dataset


def test_bytes_that_are_not_a_number_are_bad_input():
    header = raw("FloatPixelPaddingValue", "FL", b"CANARY")
    with pytest.raises(DicomError, match="FloatPixelPaddingValue must be valid DICOM") as refused:
        text(header, "FloatPixelPaddingValue")
    assert "CANARY" not in str(refused.value)
    assert padding_of(header) is None


def test_a_value_that_breaks_its_type_is_read_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert text(raw("SOPClassUID", "UI", b"1..2"), "SOPClassUID") == "1..2"
        assert text(raw("SOPClassUID", "LO", b"x" * 70), "SOPClassUID") == "x" * 70
        assert whole_number(raw("NumberOfFrames", "IS", b"24.0"), "NumberOfFrames") == 24
