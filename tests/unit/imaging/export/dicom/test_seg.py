"""A DICOM SEG of the lesions: where they are, what they are called, and whose they are."""

import re
from datetime import datetime

import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK
from highdicom.color import CIELabColor
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from imaging.dicom.files.headers import read_header
from imaging.dicom.series.series import read_series
from imaging.export.dicom.authorship import Authorship, identified
from imaging.export.dicom.colours import lesion_colour
from imaging.export.dicom.reference_images import reference_images
from imaging.export.dicom.seg import segmentation_uid, write_segmentation
from imaging.lesions.find import find_lesions
from imaging.lesions.rule import LesionRule
from tests.helpers.data import require_data
from tests.helpers.dicom.enhanced import shuffled, write_enhanced
from tests.helpers.dicom.phantom import (
    CANARY_ID,
    CANARY_NAME,
    Mishaps,
    Recipe,
    head_with_lesions,
    write_series,
)

AUTHOR = Authorship("fake-1.0+abc", "metseg 0.1.0", datetime(2024, 1, 2, 3, 4, 5))  # noqa: DTZ001
PLANES = ["axial", "sagittal", "coronal", "oblique"]
SHAPE, SPACING = (16, 40, 44), (4.0, 3.5, 3.4)


def segment(folder, files, truth):
    """Read files, mark the lesions of `truth` and write them."""
    volume, source = read_series(files)
    labels, found, _ = find_lesions((truth > 0).astype("f4"), volume, LesionRule())
    lesions = identified(found, source.series_instance_uid, AUTHOR.model_version)
    path = write_segmentation(folder / "seg.dcm", labels, lesions, source, AUTHOR)
    return volume, source, labels, lesions, path


def written(folder, *, plane="axial", recipe=None, enhanced=False):
    head = head_with_lesions(SHAPE, SPACING, plane=plane)
    if enhanced:
        order = shuffled(SHAPE[0])
        files = [write_enhanced(head.volume, folder / "mf.dcm", recipe, order=order)]
    else:
        files = write_series(head.volume, folder / "mr", recipe)
    return segment(folder, files, head.labels)


def laid_back(path, volume):
    """Labels on the grid of a volume, by highdicom's reading and world positions alone."""
    found = highdicom.seg.segread(path).get_volume(combine_segments=True)
    index = np.argwhere(found.array > 0)
    world = index @ found.affine[:3, :3].T + found.affine[:3, 3]
    native = (world - volume.affine[:3, 3]) @ np.linalg.inv(volume.affine[:3, :3]).T
    nearest = np.rint(native).astype(int)
    assert np.abs(native - nearest).max() < 1e-3
    labels = np.zeros(volume.shape, dtype=int)
    labels[tuple(nearest.T)] = found.array[found.array > 0]
    return labels


@pytest.mark.parametrize("enhanced", [False, True], ids=["single-frame", "enhanced"])
@pytest.mark.parametrize("plane", PLANES)
def test_segmented_lesions_are_read_back_exactly_where_they_were(tmp_path, plane, enhanced):
    volume, _, labels, _, path = written(tmp_path, plane=plane, enhanced=enhanced)
    assert labels.max() == 3
    np.testing.assert_array_equal(laid_back(path, volume), labels)


def test_shuffled_and_repeated_source_files_do_not_matter(tmp_path):
    recipe = Recipe(mishaps=Mishaps(shuffled=True, duplicated=[2, 5]))
    volume, _, labels, _, path = written(tmp_path, recipe=recipe)
    np.testing.assert_array_equal(laid_back(path, volume), labels)


def test_segments_carry_the_agreed_codes(tmp_path):
    _, _, _, lesions, path = written(tmp_path)
    dataset = pydicom.dcmread(path)
    assert dataset.SegmentationType == "BINARY"
    assert len(dataset.SegmentSequence) == len(lesions)
    for number, segment_ in enumerate(dataset.SegmentSequence, start=1):
        assert segment_.SegmentNumber == number
        assert segment_.SegmentAlgorithmType == "AUTOMATIC"
        category = segment_.SegmentedPropertyCategoryCodeSequence[0]
        kind = segment_.SegmentedPropertyTypeCodeSequence[0]
        region = segment_.AnatomicRegionSequence[0]
        identification = segment_.SegmentationAlgorithmIdentificationSequence[0]
        family = identification.AlgorithmFamilyCodeSequence[0]
        assert (category.CodeValue, category.CodingSchemeDesignator) == ("49755003", "SCT")
        assert (kind.CodeValue, kind.CodingSchemeDesignator) == ("14799000", "SCT")
        assert (region.CodeValue, region.CodingSchemeDesignator) == ("12738006", "SCT")
        assert (family.CodeValue, family.CodingSchemeDesignator) == ("123110", "DCM")
        assert identification.AlgorithmVersion == "fake-1.0+abc"


def test_a_segmentation_says_who_made_it_and_that_it_is_for_research(tmp_path):
    dataset = pydicom.dcmread(written(tmp_path)[-1])
    assert dataset.Manufacturer == "metseg"
    assert list(dataset.SoftwareVersions) == ["metseg 0.1.0", "fake-1.0+abc"]
    assert "RESEARCH USE ONLY" in dataset.SeriesDescription
    assert dataset.ContentDescription == "RESEARCH USE ONLY - NOT FOR DIAGNOSIS"
    assert (dataset.ContentDate, dataset.ContentTime) == ("20240102", "030405")


@pytest.mark.parametrize("enhanced", [False, True], ids=["single-frame", "enhanced"])
def test_a_segmentation_belongs_to_the_study_and_refers_to_its_source_images(tmp_path, enhanced):
    _, source, labels, _, path = written(tmp_path, enhanced=enhanced)
    dataset = pydicom.dcmread(path)
    assert dataset.StudyInstanceUID == source.study_instance_uid
    assert dataset.FrameOfReferenceUID == source.datasets[0].FrameOfReferenceUID
    assert (dataset.PatientName, dataset.PatientID) == (CANARY_NAME, CANARY_ID)
    assert dataset.StudyDate == "20240102"
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        item = frame.DerivationImageSequence[0].SourceImageSequence[0]
        z = frame_slice(frame, source)
        instance, number = source.slices[z]
        assert item.ReferencedSOPInstanceUID == source.datasets[instance].SOPInstanceUID
        assert not enhanced or item.ReferencedFrameNumber == number
        segment_ = frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        assert (labels[z] == segment_).any()


def frame_slice(frame, source):
    """Slice of the volume with the position of a frame of the segmentation."""
    position = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
    images = reference_images(source)
    if len(images) > 1:
        places = [image.ImagePositionPatient for image in images]
    else:
        groups = images[0].PerFrameFunctionalGroupsSequence
        places = [group.PlanePositionSequence[0].ImagePositionPatient for group in groups]
    apart = [np.abs(np.array(place, dtype=float) - position).max() for place in places]
    return int(np.argmin(apart))


@pytest.mark.parametrize("enhanced", [False, True], ids=["single-frame", "enhanced"])
def test_a_segmentation_refers_to_every_source_instance_even_without_a_lesion(tmp_path, enhanced):
    _, source, _, _, path = written(tmp_path, enhanced=enhanced)
    (series,) = pydicom.dcmread(path).ReferencedSeriesSequence
    assert series.SeriesInstanceUID == source.series_instance_uid
    referenced = {item.ReferencedSOPInstanceUID for item in series.ReferencedInstanceSequence}
    assert referenced == {one.SOPInstanceUID for one in source.datasets}


def test_a_deflated_segmentation_says_the_same_in_fewer_bytes(tmp_path):
    volume, source, labels, lesions, path = written(tmp_path)
    small = tmp_path / "deflated.dcm"
    write_segmentation(small, labels, lesions, source, AUTHOR, deflated=True)
    np.testing.assert_array_equal(laid_back(small, volume), labels)
    one, other = pydicom.dcmread(small), pydicom.dcmread(path)
    assert one.file_meta.TransferSyntaxUID.is_deflated
    assert one.SOPInstanceUID == segmentation_uid(labels, source, AUTHOR)
    assert one == other
    assert 3 * small.stat().st_size < path.stat().st_size
    assert read_header(small, max_bytes=1 << 24).modality == "SEG"
    by_itk = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(small))
    np.testing.assert_array_equal(by_itk > 0, one.pixel_array > 0)


def test_segments_have_the_colours_of_the_structure_set(tmp_path):
    segments = pydicom.dcmread(written(tmp_path)[-1]).SegmentSequence
    for number, one in enumerate(segments, start=1):
        shown = CIELabColor.from_dicom_value(one.RecommendedDisplayCIELabValue).to_rgb(clip=True)
        assert np.abs(np.subtract(shown, lesion_colour(number))).max() <= 1


def test_frames_without_a_lesion_are_left_out(tmp_path):
    _, _, labels, lesions, path = written(tmp_path)
    expected = sum(int((labels == one.number).any(axis=(1, 2)).sum()) for one in lesions)
    assert pydicom.dcmread(path).NumberOfFrames == expected


def test_segmentations_of_the_same_result_have_the_same_bytes_and_uids(tmp_path):
    first, second = written(tmp_path / "a")[-1], written(tmp_path / "b")[-1]
    assert first.read_bytes() == second.read_bytes()


def test_uids_of_segments_are_valid_and_differ_by_lesion_and_model(tmp_path):
    _, source, labels, lesions, path = written(tmp_path)
    other = Authorship("fake-2", AUTHOR.software_version, AUTHOR.made_at)
    theirs = identified(lesions, source.series_instance_uid, other.model_version)
    second = write_segmentation(tmp_path / "other.dcm", labels, theirs, source, other)
    uids = []
    for file in (path, second):
        dataset = pydicom.dcmread(file)
        uids += [dataset.SOPInstanceUID, dataset.SeriesInstanceUID]
        uids += [one.TrackingUID for one in dataset.SegmentSequence]
    assert len(set(uids)) == len(uids) == 10
    assert all(re.fullmatch(r"2\.25\.[0-9]{1,39}", uid) for uid in uids)


def test_the_preamble_of_a_segmentation_is_zero_and_the_header_pass_reads_the_file(tmp_path):
    path = written(tmp_path)[-1]
    assert path.read_bytes()[:128] == bytes(128)
    header = read_header(path, max_bytes=1 << 24)
    assert (header.modality, header.manufacturer) == ("SEG", "metseg")


def test_a_result_without_lesions_has_no_segmentation(tmp_path):
    head = head_with_lesions(SHAPE, SPACING)
    _, source = read_series(write_series(head.volume, tmp_path / "mr"))
    with pytest.raises(ValueError, match="numbered from 1"):
        write_segmentation(tmp_path / "seg.dcm", head.labels * 0, [], source, AUTHOR)
    assert not (tmp_path / "seg.dcm").exists()


def test_images_without_a_frame_of_reference_are_in_that_of_the_others(tmp_path):
    head = head_with_lesions(SHAPE, SPACING)
    files = write_series(head.volume, tmp_path / "mr")
    for path in files[::2]:
        dataset = pydicom.dcmread(path)
        told = dataset.FrameOfReferenceUID
        del dataset.FrameOfReferenceUID
        dataset.save_as(path)
    *_, written_to = segment(tmp_path, files, head.labels)
    assert pydicom.dcmread(written_to).FrameOfReferenceUID == told


@pytest.mark.parametrize(("vr", "content"), [("FD", b" \0"), ("FD", bytes(8)), ("SQ", b"")])
def test_a_source_identifier_of_another_type_is_left_empty(tmp_path, vr, content):
    head = head_with_lesions(SHAPE, SPACING)
    files = write_series(head.volume, tmp_path / "mr")
    for path in files:
        dataset, tag = pydicom.dcmread(path), Tag("AccessionNumber")
        dataset[tag] = RawDataElement(tag, vr, len(content), content, 0, False, True)
        dataset.save_as(path)
    *_, written_to = segment(tmp_path, files, head.labels)
    assert pydicom.dcmread(written_to).AccessionNumber == ""


def test_lesions_and_labels_must_go_together(tmp_path):
    _, source, labels, lesions, _ = written(tmp_path)
    with pytest.raises(ValueError, match="labels must go up to 2"):
        write_segmentation(tmp_path / "x.dcm", labels, lesions[:2], source, AUTHOR)
    with pytest.raises(ValueError, match="16 slices"):
        write_segmentation(tmp_path / "x.dcm", labels[:-1], lesions, source, AUTHOR)


ODD = {
    "stars of an anonymiser": {"StudyDate": "***", "PatientBirthDate": "***", "PatientAge": "***"},
    "no study date": {"StudyDate": None, "StudyTime": None},
    "a sex that is none": {"PatientSex": "unknown"},
    "an odd name": {"PatientName": "CANARY PATIENT with blanks"},
    "a Japanese name": {
        "SpecificCharacterSet": "ISO_IR 192",
        "PatientName": "Yamada^Tarou=山田^太郎",
    },
    "no frame of reference": {"FrameOfReferenceUID": None},
    "a frame of reference that is no UID": {"FrameOfReferenceUID": "nonsense"},
    "a frame of reference with odd components": {"FrameOfReferenceUID": "1.02.3"},
    "a device that is odd": {"DeviceSerialNumber": "x" * 64, "SoftwareVersions": ["a", "b"]},
}


@pytest.mark.parametrize("extra", ODD.values(), ids=ODD)
@pytest.mark.filterwarnings("ignore:Invalid value:UserWarning")
def test_odd_source_headers_neither_stop_a_segmentation_nor_reach_the_log(tmp_path, caplog, extra):
    caplog.set_level(0)
    volume, _, labels, _, path = written(tmp_path, recipe=Recipe(extra=extra))
    np.testing.assert_array_equal(laid_back(path, volume), labels)
    assert "CANARY" not in caplog.text
    dataset = pydicom.dcmread(path)
    assert re.fullmatch(r"([0-9]{8})?", dataset.StudyDate or "")
    assert re.fullmatch(r"([0-9]{8})?", dataset.PatientBirthDate or "")
    if "PatientName" in extra:
        assert dataset.PatientName == extra["PatientName"]


@pytest.mark.parametrize(
    "extra",
    [
        {"SliceThickness": None, "SpacingBetweenSlices": None},
        {"SliceThickness": 2, "SpacingBetweenSlices": 0.3},
    ],
    ids=["nothing", "only the gap"],
)
def test_segmentation_slices_are_as_thick_as_they_lie_apart_whatever_the_source_says(
    tmp_path, extra
):
    *_, path = written(tmp_path, recipe=Recipe(extra=extra))
    (measures,) = pydicom.dcmread(path).SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    assert measures.SliceThickness == measures.SpacingBetweenSlices == SPACING[0]


def test_many_lesions_make_many_segments(tmp_path):
    head = head_with_lesions(SHAPE, SPACING)
    truth = np.zeros(SHAPE, dtype=np.uint16)
    truth[2:4, 4:36:8, 4:40:6] = 1
    truth[8:10, 4:36:8, 4:40:6] = 1
    files = write_series(head.volume, tmp_path / "mr")
    volume, _, labels, lesions, path = segment(tmp_path, files, truth)
    assert len(lesions) == 48
    np.testing.assert_array_equal(laid_back(path, volume), labels)


REAL = [
    "ge/anatomical/001",
    "hitachi/anatomical/001",
    "hyperfine/anatomical/001",
    "philips/anatomical/001",
    "philips_enhanced/anatomical/001",
    "siemens_multiframe/anatomical/001",
]


@pytest.mark.data
@pytest.mark.parametrize("name", REAL)
def test_series_of_real_scanners_get_a_segmentation_in_place(tmp_path, name):
    files = list((require_data("dicom_qa") / name).glob("*.dcm"))
    shape = read_series(files)[0].shape
    truth = np.zeros(shape, dtype=np.uint16)
    truth[1:3, shape[1] // 4 : shape[1] // 4 + 9, shape[2] // 3 : shape[2] // 3 + 7] = 1
    volume, _, labels, _, path = segment(tmp_path, files, truth)
    np.testing.assert_array_equal(laid_back(path, volume), labels)
