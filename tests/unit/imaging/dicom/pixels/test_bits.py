"""Which bits of a pixel cell are the value."""

import numpy as np
import pytest
from pydicom import uid as transfer
from pydicom.dataset import Dataset

from imaging.dicom.pixels.bits import Bits, bits_of, take_bits
from imaging.dicom.series.series import read_series
from metseg.errors import DicomError
from tests.helpers.dicom.encodings import Stored, ramp, write_stored
from tests.helpers.dicom.phantom import (
    Recipe,
    head_with_lesions,
    instances_of,
    write_instance,
    write_series,
)

CELLS = [
    # cell, bits, value, whether it does not fit
    (0x0FFF, Bits(12), 0xFFF, 0),
    (0x1388, Bits(12), 0x388, 1),  # 5000 - 4096 = 904
    (0x2FFF, Bits(12), 0xFFF, 1),
    (0x2FFF, Bits(12, overlays=1 << 13), 0xFFF, 0),
    (0x0FFF, Bits(12, signed=True), -1, 0),  # a sign that is not extended
    (0xFFFF, Bits(12, signed=True), -1, 0),
    (0x8000, Bits(12, signed=True), 0, 1),
    (0x1388, Bits(12, signed=True), 904, 1),
    (0x3E80, Bits(12, shift=4), 1000, 0),  # 1000 * 16
    (0xFFF0, Bits(12, shift=4, signed=True), -1, 0),
    (0x8000, Bits(16, signed=True), -32768, 0),
]


@pytest.mark.parametrize(("cell", "bits", "value", "unfit"), CELLS)
def test_a_pixel_cell_gives_its_value_and_whether_it_fits(cell, bits, value, unfit):
    values, odd = take_bits(np.array([cell], np.uint16), bits)
    assert (int(values[0]), odd) == (value, unfit)


def header(**elements: int) -> Dataset:
    dataset = Dataset()
    defaults = {"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0}
    for keyword, value in (defaults | elements).items():
        setattr(dataset, keyword, value)
    return dataset


HEADERS = [
    ({}, None, Bits(12)),
    ({"HighBit": 15}, None, Bits(12, shift=4)),
    ({"HighBit": 15}, 16, Bits(12, shift=4)),
    ({"HighBit": 15}, 12, Bits(12)),  # the codec was given the samples alone
    ({"BitsStored": 16, "HighBit": 11}, None, Bits(16)),
    ({"HighBit": 40}, None, Bits(12)),
    ({"BitsStored": 16, "HighBit": 15, "PixelRepresentation": 1}, 12, Bits(12, signed=True)),
    ({"BitsStored": 0}, None, None),
    ({"BitsStored": 17}, None, None),
    ({"PixelRepresentation": 2}, None, None),
]


@pytest.mark.parametrize(("elements", "precision", "bits"), HEADERS)
def test_a_header_says_which_bits_hold_the_value(elements, precision, bits):
    assert bits_of(header(**elements), precision=precision) == bits


def test_a_number_of_16_bits_fits_a_pixel_with_or_without_its_sign():
    assert Bits(16, signed=True).fit(63536) == -2000  # 63536 - 65536
    assert Bits(16).fit(-2000) == 63536
    assert Bits(12, signed=True).fit(2096) == -2000  # 2096 - 4096
    assert Bits(12).fit(65535) is None
    assert Bits(12, signed=True).fit(-32768) is None


OVERLAID = [transfer.RLELossless, transfer.JPEG2000Lossless, transfer.JPEGLSLossless]


@pytest.mark.parametrize("syntax", OVERLAID, ids=lambda uid: uid.name)
def test_an_overlay_in_an_unused_bit_is_not_a_pixel_in_any_codec(tmp_path, syntax):
    values = ramp((4, 40, 36), Stored(12))
    paths = write_stored(values | 0x2000, tmp_path, Stored(16), syntax)
    rewrite(paths, BitsStored=12, HighBit=11)
    volume, source = read_series(paths)
    np.testing.assert_array_equal(volume.voxels, values)
    assert source.warnings == (
        "5760 pixels hold bits above BitsStored, which are left out (PS3.5 8.1.1)",
    )


@pytest.mark.parametrize("syntax", [transfer.ExplicitVRLittleEndian, *OVERLAID])
def test_pixels_in_the_upper_bits_are_shifted_down(tmp_path, syntax):
    values = ramp((4, 40, 36), Stored(12))
    paths = write_stored(values << 4, tmp_path, Stored(16), syntax)
    rewrite(paths, BitsStored=12, HighBit=15)
    np.testing.assert_array_equal(read_series(paths)[0].voxels, values)


def rewrite(paths, **elements):
    from pydicom import dcmread

    for path in paths:
        dataset = dcmread(path)
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)
        dataset.save_as(path)


def test_a_slope_of_0_and_a_slope_that_some_slices_lack_are_refused(tmp_path):
    from metseg.errors import BlankImageError, SeriesError

    for name, slopes, error in (
        ("zero", [0.0] * 12, BlankImageError),
        ("some", [2.0, None] * 6, SeriesError),
    ):
        head = head_with_lesions((12, 36, 36), (5.0, 4.0, 4.0))
        (tmp_path / name).mkdir()
        paths = []
        for number, dataset in enumerate(instances_of(head.volume, Recipe(name=name))):
            for keyword in ("RescaleSlope", "RescaleIntercept"):
                if keyword in dataset:
                    delattr(dataset, keyword)
            if slopes[number] is not None:
                dataset.RescaleSlope, dataset.RescaleIntercept = slopes[number], 0.0
            paths.append(write_instance(dataset, tmp_path / name / f"{number}.dcm"))
        with pytest.raises(error, match="RescaleSlope"):
            read_series(paths)


@pytest.mark.parametrize("slope", [1e11, 1e38])
def test_pixel_values_too_large_for_float32_sums_are_refused(tmp_path, slope):
    """Sums of 1e38 overflow 32 bits, and what is found then is chance."""
    written = head_with_lesions((6, 34, 32)).volume
    extra = {"RescaleSlope": slope, "RescaleIntercept": 0.0}
    with pytest.raises(DicomError, match="at most 1e\\+12"):
        read_series(write_series(written, tmp_path, Recipe(extra=extra)))
