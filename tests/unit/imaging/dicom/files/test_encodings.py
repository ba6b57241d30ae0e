"""The same stored values come out of every transfer syntax, signed or not, whatever their bits."""

import numpy as np
import pytest
from pydicom import dcmread
from pydicom import uid as transfer
from pydicom.encaps import encapsulate, generate_fragments

from imaging.dicom.series.series import read_series
from tests.helpers.dicom.encodings import Stored, ramp, write_stored
from tests.helpers.dicom.enhanced import shuffled, write_enhanced
from tests.helpers.dicom.phantom import Recipe, head_with_lesions

SHAPE = (4, 40, 36)
LOSSLESS = [
    transfer.ImplicitVRLittleEndian,
    transfer.ExplicitVRLittleEndian,
    transfer.ExplicitVRBigEndian,
    transfer.DeflatedExplicitVRLittleEndian,
    transfer.RLELossless,
    transfer.JPEGLossless,
    transfer.JPEGLosslessSV1,
    transfer.JPEGLSLossless,
    transfer.JPEG2000Lossless,
    transfer.HTJ2KLossless,
    transfer.HTJ2KLosslessRPCL,
    transfer.HTJ2K,
]
DEPTHS = [Stored(8), Stored(10), Stored(12), Stored(16), Stored(12, True), Stored(16, True)]


@pytest.mark.parametrize("stored", DEPTHS, ids=lambda s: f"{s.bits}{'s' if s.signed else 'u'}")
@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda uid: uid.name)
def test_lossless_transfer_syntaxes_give_back_every_value(tmp_path, syntax, stored):
    values = ramp(SHAPE, stored)
    volume, _ = read_series(write_stored(values, tmp_path, stored, syntax))
    np.testing.assert_array_equal(volume.voxels, values)


NEARLY = {
    transfer.JPEGBaseline8Bit: (Stored(8), 4),
    transfer.JPEGExtended12Bit: (Stored(12), 40),
    transfer.JPEG2000: (Stored(12), 4),
    transfer.JPEGLSNearLossless: (Stored(12), 2),
}


@pytest.mark.parametrize(("syntax", "case"), NEARLY.items(), ids=lambda v: getattr(v, "name", ""))
def test_lossy_transfer_syntaxes_come_near_the_stored_values(tmp_path, syntax, case):
    stored, off = case
    values = ramp(SHAPE, stored)
    volume, _ = read_series(write_stored(values, tmp_path, stored, syntax))
    np.testing.assert_allclose(volume.voxels, values, atol=off)


@pytest.mark.parametrize("syntax", [transfer.ExplicitVRLittleEndian, transfer.JPEGLosslessSV1])
def test_a_sign_bit_that_is_not_extended_is_extended(tmp_path, syntax):
    """12 bits in 16: PS3.5 8.1.1 leaves the four bits above undefined."""
    stored = Stored(12, signed=True)
    values = ramp(SHAPE, stored)
    cut = values & 0xFFF
    volume, _ = read_series(write_stored(cut, tmp_path, stored, syntax))
    np.testing.assert_array_equal(volume.voxels, values)


def test_overlay_bits_above_the_stored_bits_are_not_pixels(tmp_path):
    """Overlays in pixel data (PS3.5 8.1.2, retired) use bits that hold no pixel."""
    stored = Stored(12)
    values = ramp(SHAPE, stored)
    volume, _ = read_series(
        write_stored(values | 0x4000, tmp_path, stored, transfer.ExplicitVRLittleEndian)
    )
    np.testing.assert_array_equal(volume.voxels, values)


RESCALED = [
    Stored(12, slope=2.5, intercept=-1000.0),
    Stored(16, signed=True, slope=0.125, intercept=3.0),
    Stored(12, slope=-1.5, intercept=10.0),
]


@pytest.mark.parametrize("stored", RESCALED)
def test_stored_values_are_rescaled_by_slope_and_intercept(tmp_path, stored):
    values = ramp(SHAPE, stored)
    volume, _ = read_series(write_stored(values, tmp_path, stored, transfer.RLELossless))
    np.testing.assert_allclose(volume.voxels, values * stored.slope + stored.intercept, rtol=1e-6)


@pytest.mark.parametrize("signed", [False, True])
def test_monochrome1_is_mirrored_between_its_least_and_greatest_value(tmp_path, signed):
    stored = Stored(12, signed=signed, intercept=7.0, photometric="MONOCHROME1")
    values = ramp(SHAPE, stored)
    volume, _ = read_series(write_stored(values, tmp_path, stored, transfer.JPEG2000Lossless))
    low, high = stored.limits
    np.testing.assert_array_equal(volume.voxels, low + high - values + 7.0)


@pytest.mark.parametrize(
    "syntax",
    [transfer.RLELossless, transfer.JPEG2000Lossless, transfer.JPEGLSLossless],
    ids=lambda uid: uid.name,
)
def test_compressed_frames_of_an_enhanced_image_go_to_their_own_places(tmp_path, syntax):
    written = head_with_lesions((6, 34, 32), plane="oblique").volume
    recipe = Recipe(transfer_syntax=syntax)
    path = write_enhanced(written, tmp_path / "one.dcm", recipe, order=shuffled(6))
    volume, _ = read_series([path])
    np.testing.assert_array_equal(volume.voxels, written.voxels)
    np.testing.assert_allclose(volume.affine, written.affine, atol=1e-5)


def put_anew(pixel_data: bytes, *, per_frame: int, table: str) -> bytes:
    """The same frames in several fragments each, with a table that is right, missing or wrong."""
    frames = list(generate_fragments(pixel_data))[1:]
    content = bytearray(
        encapsulate(frames, fragments_per_frame=per_frame, has_bot=table != "missing")
    )
    if table == "wrong":
        content[8 : 8 + 4 * len(frames)] = bytes(range(0, 8 * len(frames), 2))
    return bytes(content)


@pytest.mark.parametrize("per_frame", [1, 2])
@pytest.mark.parametrize("table", ["right", "missing", "wrong"])
@pytest.mark.parametrize(
    "syntax",
    [transfer.RLELossless, transfer.JPEG2000Lossless, transfer.JPEGLSLossless],
    ids=lambda uid: uid.name,
)
def test_frames_are_found_where_they_begin_whatever_the_offset_table_says(
    tmp_path, syntax, table, per_frame
):
    written = head_with_lesions((6, 34, 32)).volume
    path = write_enhanced(written, tmp_path / "one.dcm", Recipe(transfer_syntax=syntax))
    dataset = dcmread(path)
    dataset.PixelData = put_anew(dataset.PixelData, per_frame=per_frame, table=table)
    dataset.save_as(path)
    volume, _ = read_series([path])
    np.testing.assert_array_equal(volume.voxels, written.voxels)
