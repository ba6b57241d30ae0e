"""Lesions as a DICOM Structured Report: Measurement Report, TID 1500 of PS3.16."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from highdicom import sr
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import SegmentationStorage

from imaging.dicom.files.headers import OWN_MANUFACTURER
from imaging.dicom.files.uids import derived_uid
from imaging.dicom.series.series import SourceSeries
from imaging.export.burden import burden
from imaging.export.dicom.authorship import (
    ALGORITHM_FAMILY,
    ALGORITHM_NAME,
    CATEGORY,
    MEASUREMENTS_SERIES_NUMBER,
    REGION,
    SERIES_DESCRIPTION,
    TYPE,
    Authorship,
    save_result,
    tracking_id,
    who_and_when,
)
from imaging.export.dicom.reference_images import reference_images
from imaging.export.dicom.seg import segmentation_uid, segmentation_words
from imaging.lesions.lesion import Lesion
from metseg.notice import RESEARCH_NOTICE

NO_LESION = "No lesion was found. No segmentation was written."

TITLE = Code("126000", "DCM", "Imaging Measurement Report")
PROCEDURE = Code("24590-2", "LN", "MR Brain")
VOLUME = Code("118565006", "SCT", "Volume")
LONG_AXIS = Code("103339001", "SCT", "Long axis")
SHORT_AXIS = Code("103340004", "SCT", "Short axis")
NUMBER_OF_LESIONS = Code("246206008", "SCT", "Number of lesions")
TOTAL = Code("255619001", "SCT", "Total")
# No standard code says which diameters are summed.
SUM_OF_LONGEST = Code("SUM5LONGEST", "99METSEG", "Sum of the five longest diameters")
VOXELS_SUMMED = Code("126030", "DCM", "Sum of segmented voxel method for volume")
RANO = Code("C114879", "NCIt", "RANO")
QUALITATIVE_EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")
COMMENT = Code("121106", "DCM", "Comment")
MM3 = Code("mm3", "UCUM", "cubic millimeter")
MM = Code("mm", "UCUM", "millimeter")
NO_UNITS = Code("1", "UCUM", "no units")


def write_measurements(
    path: Path,
    labels: NDArray[np.uint16],
    lesions: Sequence[Lesion],
    source: SourceSeries,
    authorship: Authorship,
) -> Path:
    """Write a Measurement Report (TID 1500), complete and unverified, with a zero preamble.

    Each lesion is a volumetric region of interest (TID 1411) that refers to its segment, with the
    tracking UID of the segment, its volume, long and short axis. The whole burden is a measurement
    group (TID 1501) that refers to all source images: number of lesions, total volume, sum of the
    five longest diameters. Without lesions it is the only group, and a comment says so.

    Parameters
    ----------
    labels
        ``(Z, H, W)`` on the grid of the series.
    lesions
        Those of the segmentation that `imaging.export.dicom.seg.write_segmentation` makes of
        `labels`.
    """
    words = segmentation_words(labels, source, authorship)
    images = reference_images(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom and highdicom quote values of the source
        groups = [_burden_group(lesions, images, authorship, words)]
        evidence = list(images)
        if lesions:
            uid = segmentation_uid(labels, source, authorship)
            groups += [_lesion_group(one, source, authorship, uid) for one in lesions]
            evidence.append(_segmentation(images[0], uid, words))
        report = _document(evidence, _content(groups, lesions, authorship), authorship, words)
        save_result(report, path, source, authorship.made_at)
    return path


def _document(
    evidence: Sequence[Dataset], content: Dataset, authorship: Authorship, words: Sequence[str]
) -> sr.Comprehensive3DSR:
    report = sr.Comprehensive3DSR(
        evidence=evidence,
        content=content,
        series_instance_uid=derived_uid("measurements series", *words),
        series_number=MEASUREMENTS_SERIES_NUMBER,
        sop_instance_uid=derived_uid("measurements", *words),
        instance_number=1,
        series_description=SERIES_DESCRIPTION,
        is_complete=True,
        is_verified=False,
        is_final=False,
        **who_and_when(authorship),
    )
    report.CompletionFlagDescription = RESEARCH_NOTICE
    return report


def _content(
    groups: Sequence[sr.MeasurementsAndQualitativeEvaluations],
    lesions: Sequence[Lesion],
    authorship: Authorship,
) -> Dataset:
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=derived_uid("device", authorship.software_version, authorship.model_version),
        name=ALGORITHM_NAME,
        manufacturer_name=OWN_MANUFACTURER,
        model_name=authorship.model_version,
    )
    observer = sr.ObserverContext(
        observer_type=Code("121007", "DCM", "Device"), observer_identifying_attributes=device
    )
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer),
        procedure_reported=PROCEDURE,
        imaging_measurements=groups,
        title=TITLE,
    )
    root: Dataset = report[0]
    root.ContentSequence.append(_comments(lesions))
    return root


def _comments(lesions: Sequence[Lesion]) -> sr.ContainerContentItem:
    """Rows 12 to 14 of TID 1500, which highdicom does not write."""
    container = sr.ContainerContentItem(
        name=QUALITATIVE_EVALUATIONS, relationship_type=sr.RelationshipTypeValues.CONTAINS
    )
    container.ContentSequence = sr.ContentSequence(
        sr.TextContentItem(
            name=COMMENT, value=text, relationship_type=sr.RelationshipTypeValues.CONTAINS
        )
        for text in (RESEARCH_NOTICE, *([] if lesions else [NO_LESION]))
    )
    return container


def _burden_group(
    lesions: Sequence[Lesion],
    images: Sequence[Dataset],
    authorship: Authorship,
    words: Sequence[str],
) -> sr.MeasurementsAndQualitativeEvaluations:
    whole = burden(lesions)
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=derived_uid("burden", *words), identifier="metseg whole burden"
        ),
        finding_category=CATEGORY if lesions else None,
        finding_type=TYPE if lesions else None,
        finding_sites=[sr.FindingSite(REGION)],
        algorithm_id=_algorithm(authorship),
        measurements=[
            sr.Measurement(name=NUMBER_OF_LESIONS, value=whole.n_lesions, unit=NO_UNITS),
            sr.Measurement(
                name=VOLUME, value=_rounded(whole.total_volume_mm3), unit=MM3, derivation=TOTAL
            ),
            sr.Measurement(
                name=SUM_OF_LONGEST, value=_rounded(whole.sum_of_five_longest_mm), unit=MM
            ),
        ],
        source_images=[sr.SourceImageForMeasurementGroup.from_source_image(one) for one in images],
    )


def _lesion_group(
    lesion: Lesion, source: SourceSeries, authorship: Authorship, uid: str
) -> sr.VolumetricROIMeasurementsAndQualitativeEvaluations:
    return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=lesion.tracking_uid,
            identifier=tracking_id(lesion),
        ),
        referenced_segment=sr.ReferencedSegment(
            sop_class_uid=SegmentationStorage,
            sop_instance_uid=uid,
            segment_number=lesion.number,
            source_series=sr.SourceSeriesForSegmentation(source.series_instance_uid),
        ),
        finding_category=CATEGORY,
        finding_type=TYPE,
        finding_sites=[sr.FindingSite(REGION)],
        algorithm_id=_algorithm(authorship),
        measurements=[
            sr.Measurement(
                name=VOLUME, value=_rounded(lesion.volume_mm3), unit=MM3, method=VOXELS_SUMMED
            ),
            sr.Measurement(
                name=LONG_AXIS, value=_rounded(lesion.longest_diameter_mm), unit=MM, method=RANO
            ),
            sr.Measurement(
                name=SHORT_AXIS,
                value=_rounded(lesion.perpendicular_diameter_mm),
                unit=MM,
                method=RANO,
            ),
        ],
    )


def _algorithm(authorship: Authorship) -> sr.AlgorithmIdentification:
    return sr.AlgorithmIdentification(
        name=ALGORITHM_NAME, version=authorship.model_version, family=ALGORITHM_FAMILY
    )


def _segmentation(image: Dataset, uid: str, words: Sequence[str]) -> Dataset:
    """The segmentation as evidence: only its identity is needed."""
    evidence = Dataset()
    evidence.SOPClassUID, evidence.SOPInstanceUID = SegmentationStorage, uid
    evidence.StudyInstanceUID = image.StudyInstanceUID
    evidence.SeriesInstanceUID = derived_uid("series", *words)
    return evidence


def _rounded(value: float) -> float:
    """A thousandth is far below what voxels resolve, and fits a decimal string."""
    return round(value, 3)
