"""Lesions as a DICOM RT Structure Set, one region of interest per lesion."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.coding import Code
from pydicom.uid import ImplicitVRLittleEndian, RTStructureSetStorage

from imaging.dicom.files.headers import OWN_MANUFACTURER
from imaging.dicom.files.uids import derived_uid
from imaging.dicom.series.series import SourceSeries
from imaging.dicom.values.frames import is_multiframe
from imaging.export.dicom.authorship import (
    ALGORITHM_NAME,
    SERIES_DESCRIPTION,
    STRUCTURES_SERIES_NUMBER,
    TYPE,
    Authorship,
    save_result,
    tracking_id,
)
from imaging.export.dicom.colours import lesion_colour
from imaging.export.dicom.outlines import outlines
from imaging.export.dicom.reference_images import frame_of_reference
from imaging.export.dicom.seg import check_lesions, segmentation_words
from imaging.lesions.lesion import Lesion
from imaging.volume import Volume
from metseg.notice import RESEARCH_NOTICE

# What PS3.3 C.8.8.5 asks for as class of a referenced study: retired, and still in use for this.
_STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"


def write_structures(
    path: Path,
    labels: NDArray[np.uint16],
    lesions: Sequence[Lesion],
    volume: Volume,
    source: SourceSeries,
    authorship: Authorship,
) -> Path:
    """Write an RTSTRUCT of lesions, unapproved, with a zero preamble.

    Contours lie on the native slices, follow the edges of the voxels
    (`imaging.export.dicom.outlines`), and so hold exactly the voxels of the lesion. Each names the
    image it lies on.

    Parameters
    ----------
    labels
        ``(Z, H, W)`` on the grid of `volume`; a lesion's number is its label and its ROI Number.
    lesions
        Numbered from 1 without gaps, at least one: a structure set must have a structure.

    Raises
    ------
    ValueError
        There is no lesion, or labels and lesions do not match.
    """
    check_lesions(labels, lesions)
    words = segmentation_words(labels, source, authorship)
    result = _instance(words, authorship)
    result.StudyInstanceUID = source.study_instance_uid
    frame = frame_of_reference(source)
    result.FrameOfReferenceUID, result.PositionReferenceIndicator = frame, ""
    result.ReferencedFrameOfReferenceSequence = [_referenced(source, frame)]
    result.StructureSetROISequence = [_region(one, frame, authorship) for one in lesions]
    result.ROIContourSequence = [_contours(one, labels, volume, source) for one in lesions]
    result.RTROIObservationsSequence = [_observation(one) for one in lesions]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom quotes values of the source
        save_result(result, path, source, authorship.made_at)
    return path


def _instance(words: Sequence[str], authorship: Authorship) -> Dataset:
    """RT Series, General Equipment, Structure Set and Approval modules (PS3.3 A.19.3).

    Implicit VR: with explicit VR a contour may hold 64 KiB of points only (PS3.5 7.1.2).
    """
    made_at = authorship.made_at
    result = Dataset()
    result.file_meta = FileMetaDataset()
    result.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    result.SOPClassUID = result.file_meta.MediaStorageSOPClassUID = RTStructureSetStorage
    result.SOPInstanceUID = derived_uid("structures", *words)
    result.file_meta.MediaStorageSOPInstanceUID = result.SOPInstanceUID
    result.SeriesInstanceUID = derived_uid("structures series", *words)
    result.Modality, result.OperatorsName = "RTSTRUCT", ""
    result.SeriesNumber, result.InstanceNumber = STRUCTURES_SERIES_NUMBER, 1
    result.SeriesDescription = SERIES_DESCRIPTION
    result.Manufacturer, result.ManufacturerModelName = OWN_MANUFACTURER, ALGORITHM_NAME
    result.SoftwareVersions = [authorship.software_version, authorship.model_version]
    result.StructureSetLabel, result.StructureSetName = "METASTASES", SERIES_DESCRIPTION
    result.StructureSetDescription = RESEARCH_NOTICE
    result.SeriesDate = result.StructureSetDate = made_at.strftime("%Y%m%d")
    result.SeriesTime = result.StructureSetTime = made_at.strftime("%H%M%S")
    result.ApprovalStatus = "UNAPPROVED"
    return result


def _referenced(source: SourceSeries, frame_of_reference: str) -> Dataset:
    """Every image of the source series."""
    series, study, frame = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = source.series_instance_uid
    series.ContourImageSequence = [_reference(dataset) for dataset in source.datasets]
    study.ReferencedSOPClassUID = _STUDY_CLASS
    study.ReferencedSOPInstanceUID = source.study_instance_uid
    study.RTReferencedSeriesSequence = [series]
    frame.FrameOfReferenceUID = frame_of_reference
    frame.RTReferencedStudySequence = [study]
    return frame


def _region(lesion: Lesion, frame_of_reference: str, authorship: Authorship) -> Dataset:
    region = Dataset()
    region.ROINumber = lesion.number
    region.ReferencedFrameOfReferenceUID = frame_of_reference
    region.ROIName = f"Lesion {lesion.number}"
    region.ROIVolume = f"{lesion.volume_mm3 / 1000:.6g}"  # cm3 (PS3.3 C.8.8.5)
    region.ROIGenerationAlgorithm = "AUTOMATIC"
    region.ROIGenerationDescription = f"metseg {authorship.model_version}"[:64]
    return region


def _contours(
    lesion: Lesion, labels: NDArray[np.uint16], volume: Volume, source: SourceSeries
) -> Dataset:
    contours = Dataset()
    contours.ROIDisplayColor = list(lesion_colour(lesion.number))
    contours.ReferencedROINumber = lesion.number
    contours.ContourSequence = []
    for number, (z, points) in enumerate(_polygons(labels == lesion.number, volume), start=1):
        contour = Dataset()
        instance, frame = source.slices[z]
        contour.ContourImageSequence = [_reference(source.datasets[instance], frame)]
        contour.ContourGeometricType = "CLOSED_PLANAR"
        contour.NumberOfContourPoints = len(points)
        contour.ContourNumber = number
        contour.ContourData = [f"{value + 0.0:.4f}" for value in points.ravel().tolist()]
        contours.ContourSequence.append(contour)
    return contours


def _polygons(mask: NDArray[np.bool_], volume: Volume) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Slice and corners ``(N, 3)`` in LPS mm of each polygon, slice by slice."""
    for z in np.flatnonzero(mask.any(axis=(1, 2))).tolist():
        for corners in outlines(mask[z]):
            index = np.column_stack([np.full(len(corners), float(z)), corners])
            yield z, volume.to_lps(index)


def _observation(lesion: Lesion) -> Dataset:
    """The interpreted type stays empty: it is not for us to say whether a region is treated."""
    observation = Dataset()
    observation.ObservationNumber = observation.ReferencedROINumber = lesion.number
    observation.ROIObservationLabel = f"Lesion {lesion.number}"
    observation.ROIObservationDescription = (
        f"{tracking_id(lesion)}, tracking UID {lesion.tracking_uid}"
    )
    observation.RTROIIdentificationCodeSequence = [_code(TYPE)]
    observation.RTROIInterpretedType = observation.ROIInterpreter = ""
    return observation


def _code(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodeMeaning = code.value, code.meaning
    item.CodingSchemeDesignator = code.scheme_designator
    return item


def _reference(image: Dataset, frame: int | None = None) -> Dataset:
    """A reference to an image, or to one frame of a multi-frame image."""
    item = Dataset()
    item.ReferencedSOPClassUID = image.SOPClassUID
    item.ReferencedSOPInstanceUID = image.SOPInstanceUID
    if frame is not None and is_multiframe(image):
        item.ReferencedFrameNumber = frame
    return item
