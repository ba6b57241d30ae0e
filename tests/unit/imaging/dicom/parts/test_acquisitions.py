"""Of two acquisitions under one series one is taken, and the report says which."""

from datetime import datetime

import numpy as np
import pydicom
import pytest

from imaging.dicom.series.series import read_series
from imaging.export.dicom.seg import Authorship, write_segmentation
from imaging.lesions.find import find_lesions
from imaging.lesions.rule import LesionRule
from imaging.volume import Volume
from metseg.errors import GeometryError
from tests.helpers.dicom.enhanced import write_enhanced
from tests.helpers.dicom.phantom import Mishaps, Recipe, head_with_lesions, uid, write_series

AUTHOR = Authorship("fake-1", "0.1.0", datetime(2024, 1, 2, 3, 4, 5))  # noqa: DTZ001
SHAPE = (8, 34, 32)


@pytest.fixture(scope="module")
def volume() -> Volume:
    return head_with_lesions(SHAPE).volume


def darker(volume: Volume) -> Volume:
    return Volume(np.floor(volume.voxels / 2), volume.affine)


def acquisition(volume, folder, *, missing=(), **tags):
    """An acquisition of the series, its instances with UIDs of their own."""
    recipe = Recipe(extra=tags, mishaps=Mishaps(missing=missing))
    paths = write_series(volume, folder, recipe)
    return [renamed(path, folder.name) for path in paths]


def renamed(path, name):
    dataset = pydicom.dcmread(path)
    dataset.SOPInstanceUID = uid(dataset.SOPInstanceUID, name)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(path)
    return path


MAGNITUDE, PHASE = ["ORIGINAL", "PRIMARY", "M", "FFE"], ["ORIGINAL", "PRIMARY", "P", "FFE"]
TOLD_APART = {
    "AcquisitionNumber": ({"AcquisitionNumber": 2}, {"AcquisitionNumber": 1}, "the last"),
    "TemporalPosition": (
        {"TemporalPositionIdentifier": 5},
        {"TemporalPositionIdentifier": 1},
        "the last",
    ),
    "EchoTime": ({"EchoTime": 2.4}, {"EchoTime": 7.1}, "the first"),
    "ImageType": ({"ImageType": MAGNITUDE}, {"ImageType": PHASE}, "magnitude"),
}


@pytest.mark.parametrize(("trait", "case"), TOLD_APART.items(), ids=TOLD_APART)
def test_of_two_equal_acquisitions_one_is_taken(volume, tmp_path, trait, case):
    wanted, other, which = case
    paths = acquisition(volume, tmp_path / "wanted", **wanted)
    paths += acquisition(darker(volume), tmp_path / "other", **other)
    read, source = read_series(paths)
    np.testing.assert_array_equal(read.voxels, volume.voxels)
    (warning,) = source.warnings
    assert f"differ in {trait}" in warning
    assert warning.endswith(which)


@pytest.mark.parametrize("kind", ["FrameType", "ComplexImageComponent"])
def test_of_magnitude_and_phase_in_one_enhanced_image_magnitude_is_taken(volume, tmp_path, kind):
    """The phase comes first."""
    path = write_enhanced(volume, tmp_path / "one.dcm", before=darker(volume))
    dataset = pydicom.dcmread(path)
    for number, own in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        is_phase = number < SHAPE[0]
        said = pydicom.Dataset()
        said.FrameType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
        if kind == "ComplexImageComponent":
            said.ComplexImageComponent = "PHASE" if is_phase else "MAGNITUDE"
        elif is_phase:
            said.FrameType = ["ORIGINAL", "PRIMARY", "PHASE_MAP", "NONE"]
        own.MRImageFrameTypeSequence = [said]
        del own.FrameContentSequence[0].TemporalPositionIndex
    dataset.save_as(path)
    read, source = read_series([path])
    np.testing.assert_array_equal(read.voxels, volume.voxels)
    assert "magnitude" in source.warnings[0]


def test_an_earlier_acquisition_is_not_taken_for_one_that_was_broken_off(volume, tmp_path):
    """The earlier one may be from before contrast agent."""
    paths = acquisition(volume, tmp_path / "a", AcquisitionNumber=1)
    paths += acquisition(darker(volume), tmp_path / "b", missing=[5, 6, 7], AcquisitionNumber=2)
    with pytest.raises(GeometryError, match=r"the last of 2 phases.* 5 of 8 places"):
        read_series(paths)


def test_slices_of_one_volume_may_count_to_two_acquisitions(volume, tmp_path):
    odd = acquisition(volume, tmp_path / "odd", missing=range(0, 8, 2), AcquisitionNumber=1)
    even = acquisition(volume, tmp_path / "even", missing=range(1, 8, 2), AcquisitionNumber=2)
    read, source = read_series([*odd, *even])
    np.testing.assert_array_equal(read.voxels, volume.voxels)
    assert source.warnings == ()


def test_acquisitions_that_nothing_distinguishes_are_refused(volume, tmp_path):
    paths = acquisition(volume, tmp_path / "a")
    paths += acquisition(darker(volume), tmp_path / "b")
    with pytest.raises(GeometryError, match="places of their own"):
        read_series(paths)


@pytest.mark.parametrize("shift", [0.4, 0.5])
def test_of_acquisitions_that_lie_between_each_other_the_last_is_taken(volume, tmp_path, shift):
    """The patient or the table moved. Half a step apart, slices of 3 mm would make a grid of 1.5 mm
    that mixes both.
    """
    shifted = volume.affine.copy()
    shifted[:3, 3] += shift * shifted[:3, 0]
    paths = acquisition(volume, tmp_path / "b", AcquisitionNumber=2)
    paths += acquisition(
        Volume(darker(volume).voxels, shifted), tmp_path / "a", AcquisitionNumber=1
    )
    read, source = read_series(paths)
    np.testing.assert_array_equal(read.voxels, volume.voxels)
    assert source.warnings[0].endswith("the last")


def test_a_segmentation_of_one_phase_refers_to_its_frames(tmp_path):
    """An enhanced image of two phases; the later one is segmented."""
    head = head_with_lesions((8, 40, 44), (6.0, 3.5, 3.4))
    path = write_enhanced(head.volume, tmp_path / "one.dcm", before=darker(head.volume))
    read, source = read_series([path])
    np.testing.assert_array_equal(read.voxels, head.volume.voxels)
    assert [number for _, number in source.slices] == list(range(9, 17))
    labels, lesions, _ = find_lesions((head.labels > 0).astype("f4"), read, LesionRule())
    seg = tmp_path / "seg.dcm"
    write_segmentation(seg, labels, lesions, source, AUTHOR)
    frames = {
        int(item.DerivationImageSequence[0].SourceImageSequence[0].ReferencedFrameNumber)
        for item in pydicom.dcmread(seg).PerFrameFunctionalGroupsSequence
    }
    assert frames == {z + 9 for z in range(8) if (labels[z] > 0).any()}
