"""Source images as a result refers to them: their identity and geometry, in one clean form.

highdicom reads many elements of a source image, refuses odd ones and logs patient names that it
finds odd. It is given stand-ins that hold identity and geometry only; patient and study are adopted
afterwards.
"""

import re
from collections.abc import Sequence
from copy import deepcopy

import numpy as np
from highdicom._standard_utils import get_sop_class_iod_map
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage, generate_uid

from imaging.dicom.files.parsing import parsing
from imaging.dicom.series.series import SourceSeries
from imaging.dicom.values.frames import Frame
from imaging.dicom.values.raw_values import text, whole_number
from metseg.errors import DicomError

# Elements of the Patient and General Study modules (PS3.3 C.7.1.1, C.7.2.1) that a series repeats.
_PATIENT_AND_STUDY = (
    "SpecificCharacterSet",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
)
_TYPE_2 = frozenset(
    {
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "StudyDate",
        "StudyTime",
        "StudyID",
        "AccessionNumber",
        "ReferringPhysicianName",
    }
)
# PS3.5 6.2; anonymisers leave stars in dates, which no reader accepts
_FORMATS = {
    "DA": r"[0-9]{8}",
    "TM": r"[0-9]{2,6}(\.[0-9]{1,6})?",
    "CS": r"[A-Z0-9_ ]{1,16}",
    "AS": r"[0-9]{3}[DWMY]",
}


def cannot_refer(source: SourceSeries) -> str | None:
    """Why no segmentation or report can refer to these images; None where one can."""
    if len({text(dataset, "SeriesInstanceUID") for dataset in source.datasets}) > 1:
        return "its images have several SeriesInstanceUIDs"
    known = get_sop_class_iod_map()
    if any(text(dataset, "SOPClassUID") not in known for dataset in source.datasets):
        return "its SOPClassUID is not an image class of the standard"
    if not _as_single_frames(source) and len(source.datasets) > 1:
        return "it is made of several multi-frame images"
    return None


def _as_single_frames(source: SourceSeries) -> bool:
    """Whether each instance is one frame, in functional groups or not: a reference to it needs no
    frame number.
    """
    return all(whole_number(dataset, "NumberOfFrames", 1) == 1 for dataset in source.datasets)


def reference_images(source: SourceSeries, *, plain_classes: bool = False) -> list[Dataset]:
    """Stand-ins of the source images. Their frames are the slices of the volume, in order.

    An enhanced multi-frame image gets only the frames of the volume: other phases or copies at the
    same places would be taken for them. `restore_references` then says which frames they are. With
    `plain_classes` instances of one frame are called plain MR images, because highdicom takes only
    one instance of a multi-frame class; `restore_references` names their class again.

    Raises
    ------
    ValueError
        A series of several multi-frame instances: a segmentation can be derived from one only.
    """
    place = frame_of_reference(source)
    if _as_single_frames(source):
        distance = _slice_distance(source.frames)
        images = [
            _single_frame(_identity(source.datasets[instance], place), frame, distance)
            for (instance, _), frame in zip(source.slices, source.frames, strict=True)
        ]
        if plain_classes:
            for image in images:
                image.SOPClassUID = MRImageStorage
        return images
    if len(source.datasets) > 1:
        raise ValueError(
            f"source must be single frames or one multi-frame image, got {len(source.datasets)}"
        )
    return [_multi_frame(_identity(source.datasets[0], place), source.frames)]


def restore_references(result: Dataset, source: SourceSeries) -> None:
    """Let a segmentation made from `reference_images` refer to the classes and frames that the
    source has.
    """
    images = [
        image
        for group in result.PerFrameFunctionalGroupsSequence
        for derivation in group.get("DerivationImageSequence") or ()
        for image in derivation.SourceImageSequence
    ]
    if _as_single_frames(source):
        images += [
            image
            for series in result.get("ReferencedSeriesSequence") or ()
            for image in series.ReferencedInstanceSequence
        ]
        images += result.get("SourceImageSequence") or ()
        classes = {str(one.SOPInstanceUID): one.SOPClassUID for one in source.datasets}
        for image in images:
            image.ReferencedSOPClassUID = classes[str(image.ReferencedSOPInstanceUID)]
        return
    # Segments may share a reference.
    for image in {
        id(image): image for image in images if "ReferencedFrameNumber" in image
    }.values():
        image.ReferencedFrameNumber = source.slices[int(image.ReferencedFrameNumber) - 1][1]


def adopt_patient_and_study(result: Dataset, source: Dataset) -> None:
    """Copy patient and study of the source to a result. An element that cannot be read, or breaks
    its format, is left out, or left empty where it is required.
    """
    for keyword in _PATIENT_AND_STUDY:
        element = _adoptable(source, keyword)
        if element is not None:
            result[keyword] = element
        elif keyword in _TYPE_2:
            setattr(result, keyword, "")
        elif keyword in result:
            del result[keyword]


def _adoptable(source: Dataset, keyword: str) -> DataElement | None:
    """A copy of an element that others can read; None where there is no such element."""
    if keyword not in source:
        return None
    try:
        with parsing(keyword):
            element = deepcopy(source[keyword])
    except DicomError:
        return None
    if dictionary_VR(element.tag) != element.VR:
        return None
    form = None if keyword == "SpecificCharacterSet" else _FORMATS.get(element.VR)
    fits = form is None or re.fullmatch(f"({form})?", str(element.value or ""))
    return element if fits else None


def frame_of_reference(source: SourceSeries) -> str:
    """The FrameOfReferenceUID of the series, or one derived from the series where that is not a
    UID.
    """
    if re.fullmatch(r"[0-9.]{1,64}", source.frame_of_reference_uid):
        return source.frame_of_reference_uid
    return str(generate_uid(entropy_srcs=[source.series_instance_uid, "frame of reference"]))


def _identity(dataset: Dataset, frame_of_reference: str) -> Dataset:
    image = Dataset()
    image.SOPClassUID, image.SOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    image.StudyInstanceUID = dataset.StudyInstanceUID
    image.SeriesInstanceUID = dataset.SeriesInstanceUID
    # As the source has it, odd components too: viewers compare it.
    place = DataElement("FrameOfReferenceUID", "UI", frame_of_reference, validation_mode=IGNORE)
    image.add(place)
    image.Modality = text(dataset, "Modality") or "MR"
    image.Rows, image.Columns = whole_number(dataset, "Rows"), whole_number(dataset, "Columns")
    image.PatientName = image.PatientID = image.PatientBirthDate = image.PatientSex = ""
    image.StudyDate = image.StudyTime = image.StudyID = image.AccessionNumber = ""
    image.ReferringPhysicianName = image.PositionReferenceIndicator = ""
    image.ImageType = ["ORIGINAL", "PRIMARY"]
    return image


def _slice_distance(frames: Sequence[Frame]) -> float:
    """Between sorted slices, in mm, as their positions say: headers may not state it, or state the
    gap.
    """
    if len(frames) < 2:
        return frames[0].thickness or 1.0
    whole = np.linalg.norm(frames[-1].position - frames[0].position)
    return round(float(whole) / (len(frames) - 1), 4)


def _single_frame(image: Dataset, frame: Frame, distance: float) -> Dataset:
    image.ImagePositionPatient = _decimals(frame.position)
    image.ImageOrientationPatient = _decimals(frame.orientation)
    image.PixelSpacing = _decimals(np.array(frame.pixel_spacing))
    image.SliceThickness = _decimals(np.array([distance]))[0]
    return image


def _multi_frame(image: Dataset, frames: Sequence[Frame]) -> Dataset:
    image.NumberOfFrames = len(frames)
    measures, orientation, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = _decimals(np.array(frames[0].pixel_spacing))
    measures.SliceThickness = _decimals(np.array([_slice_distance(frames)]))[0]
    orientation.ImageOrientationPatient = _decimals(frames[0].orientation)
    shared.PixelMeasuresSequence = [measures]
    shared.PlaneOrientationSequence = [orientation]
    image.SharedFunctionalGroupsSequence = [shared]
    image.PerFrameFunctionalGroupsSequence = []
    for frame in frames:
        position, own = Dataset(), Dataset()
        position.ImagePositionPatient = _decimals(frame.position)
        own.PlanePositionSequence = [position]
        image.PerFrameFunctionalGroupsSequence.append(own)
    return image


def _decimals(values: np.ndarray) -> list[str]:
    """Decimal strings (PS3.5 6.2) of at most 16 characters."""
    return [f"{round(float(v), 12) + 0.0:.10g}" for v in values]
