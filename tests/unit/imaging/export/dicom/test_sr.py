"""The structured report, read by highdicom: each lesion's numbers beside its segment, and the whole
burden.
"""

import highdicom
import pydicom
import pytest
from pydicom.sr.coding import Code

from imaging.dicom.files.headers import read_header
from tests.helpers.dicom.exported import Exported, export
from tests.helpers.dicom.phantom import CANARY_NAME

VOLUME = Code("118565006", "SCT", "Volume")
LONG_AXIS = Code("103339001", "SCT", "Long axis")
SHORT_AXIS = Code("103340004", "SCT", "Short axis")
NUMBER_OF_LESIONS = Code("246206008", "SCT", "Number of lesions")
SUM_OF_LONGEST = Code("SUM5LONGEST", "99METSEG", "Sum of the five longest diameters")
COMMENT = Code("121106", "DCM", "Comment")


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Exported:
    return export(tmp_path_factory.mktemp("sr"), plane="oblique")


@pytest.fixture(scope="module")
def without_lesions(tmp_path_factory) -> Exported:
    return export(tmp_path_factory.mktemp("none"), lesions=False)


def value(group, name):
    (measurement,) = group.get_measurements(name)
    return measurement.value, measurement.unit.value


def comments(report):
    found = highdicom.sr.utils.find_content_items(report, name=COMMENT, recursive=True)
    return [item.TextValue for item in found]


def whole_burden(report):
    (group,) = report.content.get_image_measurement_groups()
    return group


def test_each_lesion_is_a_volumetric_group_with_its_volume_and_axes(exported):
    report = highdicom.sr.srread(exported.sr)
    groups = report.content.get_volumetric_roi_measurement_groups()
    assert len(groups) == len(exported.lesions) == 3
    for group, lesion in zip(groups, exported.lesions, strict=True):
        assert group[0].ContentTemplateSequence[0].TemplateIdentifier == "1411"
        assert value(group, VOLUME) == (pytest.approx(lesion.volume_mm3, abs=1e-3), "mm3")
        longest = pytest.approx(lesion.longest_diameter_mm, abs=1e-3)
        assert value(group, LONG_AXIS) == (longest, "mm")
        shortest = pytest.approx(lesion.perpendicular_diameter_mm, abs=1e-3)
        assert value(group, SHORT_AXIS) == (shortest, "mm")
        assert group.finding_type.value == "14799000"
        assert [site.value.value for site in group.finding_sites] == ["12738006"]


def test_each_measurement_group_names_its_segment_and_shares_its_tracking_uid(exported):
    segmentation = pydicom.dcmread(exported.seg)
    report = highdicom.sr.srread(exported.sr)
    groups = report.content.get_volumetric_roi_measurement_groups()
    for group, segment in zip(groups, segmentation.SegmentSequence, strict=True):
        assert group.tracking_uid == segment.TrackingUID
        assert group.tracking_identifier == segment.TrackingID
        reference = group.referenced_segment
        assert reference.referenced_sop_instance_uid == segmentation.SOPInstanceUID
        assert reference[0].referenced_segment_numbers == [segment.SegmentNumber]
        source = reference.source_series_for_segmentation
        assert source.value == exported.source.series_instance_uid


def test_a_structured_report_sums_up_the_whole_burden(exported):
    group = whole_burden(highdicom.sr.srread(exported.sr))
    lesions = exported.lesions
    assert value(group, NUMBER_OF_LESIONS) == (3, "1")
    total = sum(lesion.volume_mm3 for lesion in lesions)
    assert value(group, VOLUME) == (pytest.approx(total, abs=1e-3), "mm3")
    longest = sum(lesion.longest_diameter_mm for lesion in lesions)
    assert value(group, SUM_OF_LONGEST) == (pytest.approx(longest, abs=1e-3), "mm")


def test_a_structured_report_is_complete_unverified_and_for_research(exported):
    dataset = pydicom.dcmread(exported.sr)
    assert (dataset.CompletionFlag, dataset.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
    assert dataset.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert dataset.CompletionFlagDescription == "RESEARCH USE ONLY - NOT FOR DIAGNOSIS"
    assert "RESEARCH USE ONLY" in dataset.SeriesDescription
    assert comments(dataset) == ["RESEARCH USE ONLY - NOT FOR DIAGNOSIS"]
    assert (dataset.Manufacturer, dataset.PatientName) == ("metseg", CANARY_NAME)


def test_the_evidence_of_a_structured_report_is_every_source_image_and_the_segmentation(exported):
    report = highdicom.sr.srread(exported.sr)
    instances = {entry[2] for entry in report.get_evidence(current_procedure_only=True)}
    images = {one.SOPInstanceUID for one in exported.source.datasets}
    assert instances == images | {pydicom.dcmread(exported.seg).SOPInstanceUID}


def test_a_structured_report_without_lesions_says_so_and_has_no_findings(without_lesions):
    report = highdicom.sr.srread(without_lesions.sr)
    assert not without_lesions.seg.exists()
    assert report.content.get_volumetric_roi_measurement_groups() == []
    assert comments(report)[1] == "No lesion was found. No segmentation was written."
    group = whole_burden(report)
    assert group.finding_type is None
    for name, unit in ((NUMBER_OF_LESIONS, "1"), (VOLUME, "mm3"), (SUM_OF_LONGEST, "mm")):
        assert value(group, name) == (0, unit)


def test_a_structured_report_may_refer_to_an_enhanced_image(tmp_path):
    exported = export(tmp_path, enhanced=True)
    report = highdicom.sr.srread(exported.sr)
    instances = {entry[2] for entry in report.get_evidence()}
    assert exported.source.datasets[0].SOPInstanceUID in instances


def test_structured_reports_of_the_same_result_have_the_same_bytes_and_a_zero_preamble(
    exported, tmp_path
):
    again = export(tmp_path, plane="oblique").sr
    assert again.read_bytes() == exported.sr.read_bytes()
    assert again.read_bytes()[:128] == bytes(128)
    assert read_header(again, max_bytes=1 << 24).modality == "SR"
