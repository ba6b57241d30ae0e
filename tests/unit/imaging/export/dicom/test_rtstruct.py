"""An RT structure set, put back on the images by their own headers: voxel for voxel the lesions."""

import numpy as np
import pydicom
import pytest

from imaging.dicom.files.headers import read_header
from imaging.dicom.values.frames import read_frames
from imaging.export.dicom.rtstruct import write_structures
from tests.helpers.dicom.exported import AUTHOR, PLANES, Exported, export
from tests.helpers.dicom.phantom import CANARY_ID, CANARY_NAME
from tests.helpers.dicom.rasters import filled


def polygons_by_slice(exported: Exported, contours: pydicom.Dataset):
    """Slice of the volume to polygons in (row, column), by the header of the image each names."""
    datasets = [pydicom.dcmread(path, stop_before_pixels=True) for path in exported.files]
    frames = {
        (datasets[frame.instance].SOPInstanceUID, frame.number): frame
        for frame in read_frames(datasets)
    }
    slice_of = {
        (exported.source.datasets[instance].SOPInstanceUID, number): z
        for z, (instance, number) in enumerate(exported.source.slices)
    }
    found: dict[int, list[np.ndarray]] = {}
    for contour in contours.ContourSequence:
        (image,) = contour.ContourImageSequence
        key = image.ReferencedSOPInstanceUID, int(image.get("ReferencedFrameNumber", 1))
        frame = frames[key]
        points = np.array(contour.ContourData, dtype=float).reshape(-1, 3) - frame.position
        assert len(points) == contour.NumberOfContourPoints
        along_row, along_column = frame.orientation[:3], frame.orientation[3:]
        assert np.abs(points @ np.cross(along_row, along_column)).max() < 1e-3, "off its plane"
        rows = points @ along_column / frame.pixel_spacing[0]
        columns = points @ along_row / frame.pixel_spacing[1]
        found.setdefault(slice_of[key], []).append(np.column_stack([rows, columns]))
    return found


def laid_back(exported: Exported) -> np.ndarray:
    labels = np.zeros(exported.volume.shape, dtype=int)
    for contours in pydicom.dcmread(exported.rtstruct).ROIContourSequence:
        for z, polygons in polygons_by_slice(exported, contours).items():
            labels[z][filled(polygons, labels.shape[1:])] = contours.ReferencedROINumber
    return labels


@pytest.mark.parametrize("plane", PLANES)
def test_contours_hold_exactly_the_voxels_of_the_lesions_without_holes(tmp_path, plane):
    exported = export(tmp_path, plane=plane)
    np.testing.assert_array_equal(laid_back(exported), exported.labels)
    assert (exported.labels == 1).any()


def test_contours_lie_on_the_frames_of_an_enhanced_image(tmp_path):
    exported = export(tmp_path, enhanced=True)
    np.testing.assert_array_equal(laid_back(exported), exported.labels)


def test_a_structure_set_says_what_it_is_and_that_nobody_approved_it(tmp_path):
    exported = export(tmp_path)
    dataset = pydicom.dcmread(exported.rtstruct)
    assert (dataset.Modality, dataset.Manufacturer) == ("RTSTRUCT", "metseg")
    assert dataset.ApprovalStatus == "UNAPPROVED"
    assert dataset.StructureSetDescription == "RESEARCH USE ONLY - NOT FOR DIAGNOSIS"
    assert "RESEARCH USE ONLY" in dataset.SeriesDescription
    assert [roi.ROIName for roi in dataset.StructureSetROISequence] == [
        "Lesion 1",
        "Lesion 2",
        "Lesion 3",
    ]
    assert {roi.ROIGenerationAlgorithm for roi in dataset.StructureSetROISequence} == {"AUTOMATIC"}
    for roi, lesion in zip(dataset.StructureSetROISequence, exported.lesions, strict=True):
        assert float(roi.ROIVolume) == pytest.approx(lesion.volume_mm3 / 1000, rel=1e-4)
    for one in dataset.RTROIObservationsSequence:
        assert not one.RTROIInterpretedType, "whether it is treated is not ours to say"
        assert one.RTROIIdentificationCodeSequence[0].CodeValue == "14799000"


def test_a_structure_set_belongs_to_the_study_and_names_every_source_image(tmp_path):
    exported = export(tmp_path)
    dataset = pydicom.dcmread(exported.rtstruct)
    first = exported.source.datasets[0]
    assert dataset.StudyInstanceUID == first.StudyInstanceUID
    assert (dataset.PatientName, dataset.PatientID) == (CANARY_NAME, CANARY_ID)
    (frame,) = dataset.ReferencedFrameOfReferenceSequence
    assert frame.FrameOfReferenceUID == first.FrameOfReferenceUID == dataset.FrameOfReferenceUID
    (series,) = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence
    named = {image.ReferencedSOPInstanceUID for image in series.ContourImageSequence}
    assert named == {one.SOPInstanceUID for one in exported.source.datasets}


def test_attributes_that_the_source_lacks_are_present_and_empty(tmp_path):
    """Type 2 of the Patient and General Study modules (PS3.3 C.7.1.1, C.7.2.1)."""
    exported = export(tmp_path)
    must = ["PatientName", "PatientID", "PatientBirthDate", "PatientSex", "ReferringPhysicianName"]
    must += ["StudyDate", "StudyTime", "StudyID", "AccessionNumber"]
    for dataset in exported.source.datasets:
        for keyword in must:
            delattr(dataset, keyword)
    labels, lesions, volume = exported.labels, exported.lesions, exported.volume
    path = tmp_path / "bare.dcm"
    write_structures(path, labels, lesions, volume, exported.source, AUTHOR)
    written = pydicom.dcmread(path)
    assert {keyword: written[keyword].is_empty for keyword in must} == dict.fromkeys(must, True)


def test_a_region_has_the_tracking_uid_of_its_segment(tmp_path):
    exported = export(tmp_path)
    segments = pydicom.dcmread(exported.seg).SegmentSequence
    observations = pydicom.dcmread(exported.rtstruct).RTROIObservationsSequence
    for segment, observation in zip(segments, observations, strict=True):
        assert observation.ROIObservationDescription.endswith(segment.TrackingUID)


def test_structure_sets_of_the_same_result_have_the_same_bytes_and_a_zero_preamble(tmp_path):
    one, two = export(tmp_path / "a").rtstruct, export(tmp_path / "b").rtstruct
    assert one.read_bytes() == two.read_bytes()
    assert one.read_bytes()[:128] == bytes(128)
    assert read_header(one, max_bytes=1 << 24).modality == "RTSTRUCT"


def test_a_result_without_lesions_has_no_structure_set(tmp_path):
    exported = export(tmp_path, lesions=False)
    assert not exported.rtstruct.exists()
    with pytest.raises(ValueError, match="numbered from 1"):
        write_structures(
            exported.rtstruct, exported.labels, [], exported.volume, exported.source, AUTHOR
        )
