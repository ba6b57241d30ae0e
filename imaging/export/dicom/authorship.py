"""What every file that we write says about itself: who made it, what for, and under which UIDs."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import DeflatedExplicitVRLittleEndian

from imaging.dicom.files.headers import OWN_MANUFACTURER
from imaging.dicom.files.uids import derived_uid
from imaging.dicom.series.series import SourceSeries
from imaging.export.dicom.reference_images import adopt_patient_and_study
from imaging.lesions.lesion import Lesion
from metseg.notice import RESEARCH_USE_ONLY

CATEGORY = Code("49755003", "SCT", "Morphologically Abnormal Structure")
TYPE = Code("14799000", "SCT", "Neoplasm, Secondary")
REGION = Code("12738006", "SCT", "Brain")
ALGORITHM_FAMILY = Code("123110", "DCM", "Artificial Intelligence")

SERIES_DESCRIPTION = f"Brain metastases, {RESEARCH_USE_ONLY}"
ALGORITHM_NAME = "metseg"
# Higher than the numbers that scanners and workstations give.
SEGMENTATION_SERIES_NUMBER = 9700
PROBABILITY_SERIES_NUMBER = 9701
MEASUREMENTS_SERIES_NUMBER = 9702
STRUCTURES_SERIES_NUMBER = 9703


@dataclass(frozen=True, slots=True)
class Authorship:
    """Who made a result, with what and when. `made_at` is local time."""

    model_version: str
    software_version: str
    made_at: datetime


def who_and_when(authorship: Authorship) -> dict[str, Any]:
    """Equipment and times of an instance, as highdicom's constructors take them."""
    day, time = authorship.made_at.date(), authorship.made_at.time()
    return {
        "manufacturer": OWN_MANUFACTURER,
        "manufacturer_model_name": ALGORITHM_NAME,
        "software_versions": (authorship.software_version, authorship.model_version),
        "content_date": day,
        "content_time": time,
        "series_date": day,
        "series_time": time,
    }


def identified(
    lesions: Iterable[Lesion], series_instance_uid: str, model_version: str
) -> tuple[Lesion, ...]:
    """The lesions of a series with their TrackingUIDs, which follow a lesion through reprocessing
    with the same model (PS3.5 B.2).
    """
    return tuple(
        replace(lesion, tracking_uid=_tracking_uid(lesion, series_instance_uid, model_version))
        for lesion in lesions
    )


def _tracking_uid(lesion: Lesion, series_instance_uid: str, model_version: str) -> str:
    place = ",".join(f"{v:.1f}" for v in lesion.centroid_lps_mm)
    return derived_uid(
        "lesion", series_instance_uid, model_version, lesion.number, lesion.voxel_count, place
    )


def tracking_id(lesion: Lesion) -> str:
    """What people call the lesion, the same in every file of a result."""
    return f"metseg lesion {lesion.number}"


def save_result(
    result: Dataset, path: Path, source: SourceSeries, made_at: datetime, *, deflated: bool = False
) -> None:
    """Write an instance with a zero preamble (PS3.10 7.1) into the study of `source`.

    It gets the patient and study modules of the source, and the clock that highdicom read is
    replaced by `made_at`: the same result has the same bytes. `deflated` compresses the whole
    dataset (PS3.5 A.5).
    """
    adopt_patient_and_study(result, source.datasets[0])
    result.InstanceCreationDate = made_at.strftime("%Y%m%d")
    result.InstanceCreationTime = made_at.strftime("%H%M%S")
    for item in result.get("ContributingEquipmentSequence") or ():
        item.ContributionDateTime = made_at.strftime("%Y%m%d%H%M%S")
    if deflated:
        result.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    result.save_as(path, enforce_file_format=True)
