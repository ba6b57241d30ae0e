"""What is read quickly is what pydicom reads."""

import pydicom
import pytest
from pydicom import uid as transfer
from pydicom.dataset import Dataset

from imaging.headers import read_header
from imaging.parsing import parse_header
from imaging.raw_values import text, texts, whole_number
from tests.phantom import Recipe, head_with_lesions, write_series

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


def test_a_header_has_every_element_that_pydicom_reads(one):
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


def test_nothing_is_said_by_an_element_that_is_empty_or_absent():
    dataset = Dataset()
    dataset.ImageType, dataset.RescaleSlope = None, ""
    for keyword in ("ImageType", "RescaleSlope", "Rows"):
        assert texts(dataset, keyword) == ()
        assert text(dataset, keyword) == ""
        assert whole_number(dataset, keyword, 7) == 7


def test_binary_numbers_are_read_as_well():
    dataset = Dataset()
    dataset.EffectiveEchoTime, dataset.TemporalPositionIndex = 2.5, 70000
    assert texts(dataset, "EffectiveEchoTime") == ("2.5",)
    assert whole_number(dataset, "TemporalPositionIndex") == 70000
