"""Padding is air, whoever declared it."""

import numpy as np
import pytest
from pydicom import uid as transfer

from imaging.dicom.series.series import read_series
from metseg.errors import BlankImageError
from tests.helpers.dicom.phantom import Recipe, head_with_lesions, instances_of, write_instance

SHAPE = (12, 64, 64)
ROW, COLUMN = np.mgrid[:64, :64]
CORNERS = np.hypot(ROW - 31.5, COLUMN - 31.5) > 31
FRAME = (COLUMN < 4) | (COLUMN > 59)


def write(tmp_path, value, *, where=CORNERS, offset=0, syntax=None, **elements):
    """A head whose pixels at `where` are `value`; 16 bits, its sign by `signed`."""
    head = head_with_lesions(SHAPE, (5.0, 2.5, 2.5))
    signed = elements.pop("PixelRepresentation", int(value < 0))
    paths = []
    for number, dataset in enumerate(instances_of(head.volume, Recipe())):
        stored = head.volume.voxels[number].astype(np.int32) + offset
        if elements.get("PhotometricInterpretation") == "MONOCHROME1":
            stored = 1000 - stored
        stored[where] = value
        dataset.PixelData = stored.astype("<i2" if signed else "<u2").tobytes()
        dataset.BitsAllocated = dataset.BitsStored = 16
        dataset.HighBit, dataset.PixelRepresentation = 15, signed
        for keyword, given in elements.items():
            if keyword.startswith("PixelPadding"):
                vr = "SS" if given < 0 else "US"
                dataset.add_new(keyword, vr, given)
            else:
                setattr(dataset, keyword, given)
        if syntax is not None:
            dataset.compress(syntax, generate_instance_uid=False)
        paths.append(write_instance(dataset, tmp_path / f"{number}.dcm"))
    return head, paths


def assert_air(head, volume, where=CORNERS):
    """Padding is no brighter than the noise of air, below 12; the rest is as it was."""
    padded = np.broadcast_to(where, SHAPE)
    assert volume.voxels[padded].min() >= -15
    assert volume.voxels[padded].max() < 12
    np.testing.assert_array_equal(volume.voxels[~padded], head.volume.voxels[~padded])


DECLARED = [
    (-32768, {"PixelPaddingValue": -32768}),
    (-1024, {"PixelPaddingValue": -1024}),
    (-2000, {"PixelPaddingValue": 63536}),  # 65536 - 2000, of the other representation
    (63536, {"PixelPaddingValue": -2000}),
    (4095, {"PixelPaddingValue": 4095}),
    (65535, {"PixelPaddingValue": 65535}),
    (1000, {"PixelPaddingValue": 1000}),  # as bright as a lesion, which stays
    (-1500, {"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1024}),
    (-1500, {"PixelPaddingValue": -1024, "PixelPaddingRangeLimit": -2000}),
    (-500, {"PixelPaddingValue": -500, "PhotometricInterpretation": "MONOCHROME1"}),
    (4000, {"PixelPaddingValue": 4000, "PhotometricInterpretation": "MONOCHROME1"}),
]


@pytest.mark.parametrize("where", [CORNERS, FRAME], ids=["corners", "frame"])
@pytest.mark.parametrize(("value", "elements"), DECLARED)
def test_declared_padding_is_air(tmp_path, value, elements, where):
    head, paths = write(tmp_path, value, where=where, **elements)
    volume, source = read_series(paths)
    assert_air(head, volume, where)
    assert source.warnings == ()


@pytest.mark.parametrize("syntax", [transfer.RLELossless, transfer.JPEG2000Lossless])
def test_padding_in_a_codec_is_air(tmp_path, syntax):
    head, paths = write(tmp_path, -2000, syntax=syntax, PixelPaddingValue=-2000)
    assert_air(head, read_series(paths)[0])


def test_declared_padding_that_may_be_a_bright_lesion_makes_a_warning(tmp_path):
    at_the_side = np.zeros(SHAPE[1:], dtype=np.bool_)
    at_the_side[20:36, :5] = True
    _, paths = write(tmp_path, 1000, where=at_the_side, PixelPaddingValue=1000)
    _, source = read_series(paths)
    assert [text.split(" ", 1)[1] for text in source.warnings] == [
        "voxels at the border are declared padding as bright as tissue: set to air"
    ]


@pytest.mark.parametrize("where", [CORNERS, FRAME], ids=["corners", "frame"])
@pytest.mark.parametrize("value", [-32768, -1024, -100, 4095, 65535])
def test_undeclared_padding_is_air_with_a_warning(tmp_path, value, where):
    head, paths = write(tmp_path, value, where=where)
    volume, source = read_series(paths)
    assert_air(head, volume, where)
    assert "taken for padding" in source.warnings[0]


def test_padding_written_as_a_real_value_is_air(tmp_path):
    rescaled = {"RescaleSlope": 1.0, "RescaleIntercept": -1024.0}
    head, paths = write(tmp_path, 24, offset=1024, PixelPaddingValue=-1000, **rescaled)
    assert_air(head, read_series(paths)[0])  # 24 - 1024 = -1000


def test_padding_of_more_bits_than_a_pixel_has_is_air(tmp_path):
    bits = {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0}
    head, paths = write(tmp_path, 65535, PixelPaddingValue=65535, **bits)
    volume, source = read_series(paths)
    assert_air(head, volume)
    assert source.warnings == ()


def test_padding_that_is_black_already_stays_as_it_is(tmp_path):
    head, paths = write(tmp_path, 0, PixelPaddingValue=0)
    volume, _ = read_series(paths)
    expected = head.volume.voxels.copy()
    expected[:, CORNERS] = 0
    np.testing.assert_array_equal(volume.voxels, expected)


def test_a_declared_padding_value_that_no_pixel_has_changes_nothing(tmp_path):
    head, paths = write(tmp_path, 3, PixelPaddingValue=-2000)
    expected = head.volume.voxels.copy()
    expected[:, CORNERS] = 3
    np.testing.assert_array_equal(read_series(paths)[0].voxels, expected)


def test_a_volume_of_padding_alone_is_blank(tmp_path):
    everywhere = np.ones((64, 64), bool)
    _, paths = write(tmp_path, -2000, where=everywhere, PixelPaddingValue=-2000)
    with pytest.raises(BlankImageError):
        read_series(paths)
