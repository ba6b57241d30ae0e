"""The fast parser reads what pydicom reads."""

import errno

import pydicom
import pytest
from pydicom import uid as transfer
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from imaging.dicom.files.headers import read_header
from imaging.dicom.files.parsing import parse_header, parsing
from imaging.dicom.values.raw_values import text, texts, whole_number
from metseg.errors import DicomError
from tests.helpers.dicom.phantom import Recipe, head_with_lesions, write_series

SYNTAXES = [
    transfer.ExplicitVRLittleEndian,
    transfer.ImplicitVRLittleEndian,
    transfer.ExplicitVRBigEndian,
    transfer.DeflatedExplicitVRLittleEndian,
    transfer.RLELossless,
    transfer.JPEG2000Lossless,
]
KEYWORDS = [
    "SOPInstanceUID",
    "ImageType",
    "ImagePositionPatient",
    "PixelSpacing",
    "RescaleSlope",
    "InstanceNumber",
    "Rows",
    "PixelRepresentation",
    "PhotometricInterpretation",
    "StudyDate",
]


@pytest.fixture(params=SYNTAXES, ids=lambda uid: uid.name)
def one(request, tmp_path):
    """A file, and what pydicom reads of it."""
    volume = head_with_lesions((4, 34, 32)).volume
    recipe = Recipe(transfer_syntax=request.param, extra={"PatientName": "Müller^Jürgen"})
    recipe.extra["SpecificCharacterSet"] = "ISO_IR 192"
    path = write_series(volume, tmp_path, recipe)[2]
    return path, pydicom.dcmread(path, stop_before_pixels=True)


def test_a_parsed_header_has_every_element_that_pydicom_reads(one):
    path, expected = one
    found = parse_header(path, read_header(path, max_bytes=1 << 20))
    assert list(found.keys()) == list(expected.keys())
    assert [element.value for element in found] == [element.value for element in expected]
    assert str(found.PatientName) == "Müller^Jürgen"


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_values_as_text_are_those_of_pydicom(one, keyword):
    path, expected = one
    found = parse_header(path, read_header(path, max_bytes=1 << 20))
    value = expected[keyword].value
    values = value if isinstance(value, pydicom.multival.MultiValue) else [value]
    assert texts(found, keyword) == tuple(str(one) for one in values)
    assert texts(expected, keyword) == texts(found, keyword)  # converted already


def test_an_element_that_is_empty_or_absent_gives_no_text():
    dataset = Dataset()
    dataset.ImageType, dataset.RescaleSlope = None, ""
    for keyword in ("ImageType", "RescaleSlope", "Rows"):
        assert texts(dataset, keyword) == ()
        assert text(dataset, keyword) == ""
        assert whole_number(dataset, keyword, 7) == 7


def test_binary_numbers_in_a_header_are_read_as_well():
    dataset = Dataset()
    dataset.EffectiveEchoTime, dataset.TemporalPositionIndex = 2.5, 70000
    assert texts(dataset, "EffectiveEchoTime") == ("2.5",)
    assert whole_number(dataset, "TemporalPositionIndex") == 70000


def test_a_sequence_that_ends_early_is_bad_input_and_a_disk_that_fails_is_not():
    """pydicom 3.0.2 raises a bare OSError over a sequence of known length that ends within an item,
    when its value is asked for.
    """
    dataset = Dataset()
    dataset[0x00321064] = RawDataElement(
        Tag(0x00321064), "SQ", 4, b"\xfe\xff\x00\xe0", 0, True, True
    )
    with pytest.raises(DicomError, match="the parser gave OSError"), parsing("a header"):
        dataset.get("RequestedProcedureCodeSequence")
    with pytest.raises(OSError, match="Input/output"), parsing("a header"):
        raise OSError(errno.EIO, "Input/output error")
