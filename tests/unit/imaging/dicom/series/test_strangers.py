"""Which images belong to the series and which are slices: patients, foreign instances, slices with
a SeriesInstanceUID each.
"""

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from imaging.dicom.series.foreign import without_foreign
from imaging.dicom.series.series import group_series, read_series
from imaging.dicom.values.patients import patient_of, several
from metseg.errors import PatientError, SeriesError
from tests.helpers.dicom.phantom import Recipe, head_with_lesions, uid, write_series

SHAPE = (6, 34, 32)


@pytest.fixture(scope="module")
def volume():
    return head_with_lesions(SHAPE).volume


def header(**values: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in ({"PatientID": "", "PatientName": ""} | values).items():
        setattr(dataset, keyword, value)
    return dataset


PAIRS = {
    "other ids": ({"PatientID": "A1"}, {"PatientID": "A2"}, True),
    "an id in other writing": ({"PatientID": "0012-3 "}, {"PatientID": "123"}, False),
    "an id that one lacks": ({"PatientID": "A1"}, {}, False),
    "one id, another name": (
        {"PatientID": "X", "PatientName": "Syn^A"},
        {"PatientID": "X", "PatientName": "Syn^B"},
        True,
    ),
    "one birth date, a married name": (
        {"PatientName": "Syn^A", "PatientBirthDate": "19500101"},
        {"PatientName": "Thetic^A", "PatientBirthDate": "19500101"},
        False,
    ),
    "a name in other writing": (
        {"PatientName": "MÜLLER^Änne"},
        {"PatientName": "muller anne"},
        False,
    ),
    "a name that is shorter": ({"PatientName": "Syn^A^Middle"}, {"PatientName": "Syn^A"}, False),
    "other birth date and sex": (
        {"PatientBirthDate": "19500101", "PatientSex": "F"},
        {"PatientBirthDate": "19600101", "PatientSex": "M"},
        True,
    ),
    "a corrected birth date": (
        {"PatientName": "Syn^A", "PatientBirthDate": "19500101"},
        {"PatientName": "Syn^A", "PatientBirthDate": "19500110"},
        False,
    ),
    "one dummy id and name, other birth dates": (
        {"PatientID": "ANON", "PatientName": "Anonymous", "PatientBirthDate": "19500101"},
        {"PatientID": "ANON", "PatientName": "Anonymous", "PatientBirthDate": "19800202"},
        True,
    ),
    "birth dates alone": ({"PatientBirthDate": "19500101"}, {"PatientBirthDate": "19500202"}, True),
    "two who were born on one day": (
        {"PatientName": "Syn^Anna", "PatientBirthDate": "19500101"},
        {"PatientName": "Thetic^Maria", "PatientBirthDate": "19500101"},
        True,
    ),
    "an id of zeros": ({"PatientID": "000"}, {"PatientID": "12"}, True),
}


@pytest.mark.parametrize(("one", "other", "two"), PAIRS.values(), ids=PAIRS)
def test_two_patients_are_distinguished_by_id_name_birth_date_and_sex(one, other, two):
    patients = [patient_of(header(**one)), patient_of(header(**other))]
    assert several(patients) is two
    assert several(patients[::-1]) is two
    assert "Syn" not in repr(patients)


def test_a_series_of_two_patients_is_refused(volume, tmp_path):
    paths = write_series(volume, tmp_path / "a")
    other = Recipe(extra={"PatientID": "OTHER", "PatientName": "OTHER^ONE"})
    paths[3] = write_series(volume, tmp_path / "b", other)[3]
    with pytest.raises(PatientError, match="one patient"):
        read_series(paths)
    (series,) = group_series(paths)
    assert "one patient" in series.facts.unreadable


def foreign(volume, folder, **extra: object):
    """One instance more under the series."""
    recipe = Recipe(extra={"SOPInstanceUID": uid("foreign")} | extra)
    return write_series(volume, folder, recipe)[0]


STRANGERS = {
    "a localiser": ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localisers"),
    "a localiser by its name": ({"SeriesDescription": "3-plane localizer"}, "localisers"),
    "a colour picture": ({"PhotometricInterpretation": "PALETTE COLOR"}, "not grey"),
    "another modality": ({"Modality": "OT"}, "of another modality"),
    "another frame of reference": (
        {"FrameOfReferenceUID": "1.2.3"},
        "in another frame of reference",
    ),
    "a picture without a position": (
        {"ImageType": ["DERIVED", "SECONDARY"], "ImagePositionPatient": None},
        "derived, without a position",
    ),
    "other pixels": ({"PixelSpacing": ["1", "1"]}, "in another plane"),
}


@pytest.mark.parametrize(("extra", "said"), STRANGERS.values(), ids=STRANGERS)
def test_a_foreign_instance_is_left_out_and_reported(volume, tmp_path, extra, said):
    paths = write_series(volume, tmp_path / "a")
    read, source = read_series([foreign(volume, tmp_path / "b", **extra), *paths])
    np.testing.assert_array_equal(read.voxels, volume.voxels)
    assert source.warnings == (f"1 images under the series were left out: {said}",)
    assert len(source.datasets) == SHAPE[0]


def test_a_foreign_instance_that_comes_first_does_not_change_what_the_series_says(volume, tmp_path):
    paths = write_series(volume, tmp_path / "b")
    first = foreign(
        volume,
        tmp_path / "a",
        ImageType=["DERIVED", "SECONDARY", "LOCALIZER"],
        SeriesDescription="SCREEN",
    )
    (series,) = group_series([first, *paths])
    assert series.facts.frames == SHAPE[0]
    assert series.facts.description == "T1 MPRAGE +C"
    assert series.facts.placement is not None
    assert series.facts.placement.planes == 1


def test_an_object_without_pixels_is_not_a_slice():
    image = header(Rows=4, Columns=4, PhotometricInterpretation="MONOCHROME2", Modality="MR")
    state = header(Modality="PR")
    kept = without_foreign([state, image, image])
    assert (kept.indices, kept.said) == (
        (1, 2),
        ("1 images under the series were left out: not images",),
    )


def test_no_instance_is_left_out_where_nothing_shows_which_are_foreign():
    sizes = [(4, 4), (4, 4), (8, 8), (8, 8)]
    images = [header(Rows=r, Columns=c, PhotometricInterpretation="MONOCHROME2") for r, c in sizes]
    assert without_foreign(images).indices == (0, 1, 2, 3)


def each_its_own(volume, folder, **extra: object):
    """Slices with a SeriesInstanceUID each."""
    paths = []
    for z in range(SHAPE[0]):
        recipe = Recipe(name="study", series_uid=f"1.2.3.{z}", extra=extra)
        paths.append(write_series(volume, folder / str(z), recipe)[z])
    return paths


def test_slices_with_a_series_uid_each_are_gathered(volume, tmp_path):
    paths = each_its_own(volume, tmp_path, SeriesNumber=5)
    (series,) = group_series(paths)
    assert series.series_instance_uid == "1.2.3.0"
    assert series.facts.frames == SHAPE[0]
    read, _ = read_series(series.files)
    np.testing.assert_array_equal(read.voxels, volume.voxels)


def test_slices_with_a_series_uid_each_and_no_number_are_not_gathered(volume, tmp_path):
    paths = each_its_own(volume, tmp_path, SeriesNumber=None)
    assert len(group_series(paths)) == SHAPE[0]
    with pytest.raises(SeriesError, match="one SeriesInstanceUID"):
        read_series(paths)


@pytest.mark.parametrize("has_place", [True, False])
def test_a_secondary_capture_under_the_series_is_left_out_whatever_it_says(
    volume, tmp_path, has_place
):
    paths = write_series(volume, tmp_path)
    capture = dcmread(paths[-1])
    capture.SOPClassUID = capture.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    capture.SOPInstanceUID = capture.file_meta.MediaStorageSOPInstanceUID = uid("capture")
    if not has_place:
        del capture.ImagePositionPatient
    else:
        first, last = (dcmread(path).ImagePositionPatient for path in (paths[-2], paths[-1]))
        capture.ImagePositionPatient = [2 * b - a for a, b in zip(first, last, strict=True)]
    capture.save_as(tmp_path / "capture.dcm")
    read, source = read_series([*paths, tmp_path / "capture.dcm"])
    np.testing.assert_array_equal(read.voxels, volume.voxels)
    assert source.warnings == ("1 images under the series were left out: secondary captures",)
