"""Lesions as a DICOM Segmentation of the source series, one segment a lesion."""

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import highdicom
import numpy as np
from highdicom.seg import Segmentation, SegmentDescription
from numpy.typing import NDArray
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian

from imaging.export.reference_images import adopt_patient_and_study, reference_images
from imaging.headers import OWN_MANUFACTURER
from imaging.lesions import Lesion
from imaging.series import SourceSeries

CATEGORY = Code("49755003", "SCT", "Morphologically Abnormal Structure")
TYPE = Code("14799000", "SCT", "Neoplasm, Secondary")
REGION = Code("12738006", "SCT", "Brain")
ALGORITHM_FAMILY = Code("123110", "DCM", "Artificial Intelligence")

RESEARCH_ONLY = "RESEARCH USE ONLY - NOT FOR DIAGNOSIS"
SERIES_DESCRIPTION = "Brain metastases, RESEARCH USE ONLY"
SERIES_NUMBER = 9700  # clear of what scanners and workstations count
ALGORITHM_NAME = "metseg"


@dataclass(frozen=True, slots=True)
class Authorship:
    """Who made a result, with what and when. `made_at` is local time."""

    model_version: str
    software_version: str
    made_at: datetime


def write_segmentation(
    path: Path,
    labels: NDArray[np.uint16],
    lesions: Sequence[Lesion],
    source: SourceSeries,
    authorship: Authorship,
) -> Path:
    """Write a DICOM SEG of lesions, with a zero preamble.

    It belongs to the study of `source` and carries its patient and study modules; each frame refers
    to the source image below it. All UIDs follow from the source series, the model and the lesions:
    the same result has the same.

    Parameters
    ----------
    labels
        ``(Z, H, W)`` on the grid of the series; a lesion's number is its label and its segment.
    lesions
        Numbered from 1 without gaps, at least one: an empty SEG is not written.

    Raises
    ------
    ValueError
        No lesion, or labels and lesions do not go together.
    """
    _check(labels, lesions, source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom and highdicom quote values of the source
        segmentation = _build(labels, lesions, source, authorship)
        adopt_patient_and_study(segmentation, source.datasets[0])
        _settle(segmentation, authorship.made_at)
        segmentation.save_as(path, enforce_file_format=True)
    return path


def tracking_uid(lesion: Lesion, source: SourceSeries, model_version: str) -> str:
    """UID that follows a lesion through reprocessing with the same model (PS3.5 B.2)."""
    place = ",".join(f"{v:.1f}" for v in lesion.centroid_lps_mm)
    return derived_uid(
        "lesion",
        source.series_instance_uid,
        model_version,
        lesion.number,
        lesion.voxel_count,
        place,
    )


def derived_uid(*words: object) -> str:
    """A ``2.25.`` UID (PS3.5 B.2) of 128 bits of the SHA-256 of words: the same words give the
    same.
    """
    digest = hashlib.sha256("\n".join(str(word) for word in words).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def _check(labels: NDArray[np.uint16], lesions: Sequence[Lesion], source: SourceSeries) -> None:
    numbers = [lesion.number for lesion in lesions]
    if not lesions or numbers != list(range(1, len(lesions) + 1)):
        raise ValueError(f"lesions must be numbered from 1 without gaps, got {numbers}")
    if int(labels.max(initial=0)) != len(lesions):
        raise ValueError(f"labels must go up to {len(lesions)}, got {labels.max(initial=0)}")
    if labels.shape[0] != len(source.slices):
        raise ValueError(f"labels must have {len(source.slices)} slices, got {labels.shape[0]}")


def _build(
    labels: NDArray[np.uint16],
    lesions: Sequence[Lesion],
    source: SourceSeries,
    authorship: Authorship,
) -> Segmentation:
    images, order = reference_images(source)
    frames = np.zeros((len(order), *labels.shape[1:]), dtype=labels.dtype)
    for frame, z in enumerate(order):
        if z is not None:
            frames[frame] = labels[z]
    identity = hashlib.sha256(np.ascontiguousarray(labels).tobytes()).hexdigest()
    words = (source.series_instance_uid, authorship.model_version, identity)
    made_at = authorship.made_at
    return Segmentation(
        source_images=images,
        pixel_array=frames,
        segmentation_type="BINARY",
        segment_descriptions=[_describe(lesion, source, authorship) for lesion in lesions],
        series_instance_uid=derived_uid("series", *words),
        sop_instance_uid=derived_uid("instance", *words),
        series_number=SERIES_NUMBER,
        instance_number=1,
        manufacturer=OWN_MANUFACTURER,
        manufacturer_model_name="metseg",
        software_versions=(authorship.software_version, authorship.model_version),
        device_serial_number="none",
        series_description=SERIES_DESCRIPTION,
        content_label="METASTASES",
        content_description=RESEARCH_ONLY,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        omit_empty_frames=True,
        content_date=made_at.date(),
        content_time=made_at.time(),
        series_date=made_at.date(),
        series_time=made_at.time(),
    )


def _settle(segmentation: Segmentation, made_at: datetime) -> None:
    """Take clock and chance out of what highdicom fills in: the same result has the same bytes."""
    organization = derived_uid("dimensions", segmentation.SOPInstanceUID)
    for item in segmentation.DimensionOrganizationSequence:
        item.DimensionOrganizationUID = organization
    for item in segmentation.DimensionIndexSequence:
        item.DimensionOrganizationUID = organization
    segmentation.InstanceCreationDate = made_at.strftime("%Y%m%d")
    segmentation.InstanceCreationTime = made_at.strftime("%H%M%S")
    for item in segmentation.get("ContributingEquipmentSequence") or ():
        item.ContributionDateTime = made_at.strftime("%Y%m%d%H%M%S")


def _describe(lesion: Lesion, source: SourceSeries, authorship: Authorship) -> SegmentDescription:
    return SegmentDescription(
        segment_number=lesion.number,
        segment_label=f"Lesion {lesion.number}",
        segmented_property_category=CATEGORY,
        segmented_property_type=TYPE,
        algorithm_type="AUTOMATIC",
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name=ALGORITHM_NAME,
            family=ALGORITHM_FAMILY,
            version=authorship.model_version,
        ),
        tracking_uid=tracking_uid(lesion, source, authorship.model_version),
        tracking_id=f"metseg lesion {lesion.number}",
        anatomic_regions=[REGION],
    )
