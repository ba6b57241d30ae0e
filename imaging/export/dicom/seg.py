"""Results as DICOM Segmentations of the source series: the lesions, and the probability."""

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
from highdicom.color import CIELabColor
from highdicom.seg import Segmentation, SegmentDescription
from numpy.typing import NDArray
from pydicom.uid import ExplicitVRLittleEndian

from imaging.dicom.files.uids import derived_uid
from imaging.dicom.series.series import SourceSeries
from imaging.export.dicom.authorship import (
    ALGORITHM_FAMILY,
    ALGORITHM_NAME,
    CATEGORY,
    PROBABILITY_SERIES_NUMBER,
    REGION,
    SEGMENTATION_SERIES_NUMBER,
    SERIES_DESCRIPTION,
    TYPE,
    Authorship,
    save_result,
    tracking_id,
    who_and_when,
)
from imaging.export.dicom.colours import lesion_colour
from imaging.export.dicom.reference_images import reference_images, restore_references
from imaging.lesions.lesion import Lesion
from metseg.notice import RESEARCH_NOTICE, RESEARCH_USE_ONLY

PROBABILITY_DESCRIPTION = f"Probability of metastasis, {RESEARCH_USE_ONLY}"
FRACTIONS = 255  # Maximum Fractional Value (0062,000E): probability 1


def write_segmentation(
    path: Path,
    labels: NDArray[np.uint16],
    lesions: Sequence[Lesion],
    source: SourceSeries,
    authorship: Authorship,
    *,
    deflated: bool = False,
) -> Path:
    """Write a BINARY DICOM SEG of lesions, one segment per lesion, with a zero preamble.

    It belongs to the study of `source` and refers to every image of it; each of its frames refers
    to the source frame below it. All UIDs follow from the source series, the model and the lesions.

    Parameters
    ----------
    labels
        ``(Z, H, W)`` on the grid of the series; a lesion's number is its label and its segment.
    lesions
        Numbered from 1 without gaps, at least one: an empty SEG is not written.
    deflated
        Deflate the whole file (PS3.5 A.5). Most web viewers cannot read it.

    Raises
    ------
    ValueError
        There is no lesion, or labels and lesions do not match.
    """
    check_lesions(labels, lesions)
    return _write(
        path,
        labels,
        [_describe(lesion, authorship) for lesion in lesions],
        source,
        authorship,
        identity=segmentation_words(labels, source, authorship),
        words=_Words("BINARY", SEGMENTATION_SERIES_NUMBER, SERIES_DESCRIPTION, "METASTASES"),
        deflated=deflated,
    )


def write_probability(
    path: Path,
    probability: NDArray[np.float32],
    source: SourceSeries,
    authorship: Authorship,
    *,
    deflated: bool = False,
) -> Path:
    """Write the probability of metastasis as a FRACTIONAL DICOM SEG, in steps of 1/255.

    Otherwise as `write_segmentation`. Slices without any probability are left out.

    Parameters
    ----------
    probability
        ``(Z, H, W)`` in [0, 1] on the grid of the series, at least 1/510 somewhere.

    Raises
    ------
    ValueError
        `probability` is empty, outside [0, 1] or not on the grid of the series.
    """
    low, high = float(probability.min(initial=1)), float(probability.max(initial=0))
    if not (low >= 0 and high <= 1 and has_probability(probability)):
        raise ValueError(f"probability must be in [0, 1] and not all 0, got {low} to {high}")
    steps = np.rint(probability * FRACTIONS).astype(np.uint8)
    identity = ("probability", source.series_instance_uid, authorship.model_version, _digest(steps))
    return _write(
        path,
        steps / np.float32(FRACTIONS),
        [_describe_probability(authorship)],
        source,
        authorship,
        identity=identity,
        words=_Words(
            "FRACTIONAL", PROBABILITY_SERIES_NUMBER, PROBABILITY_DESCRIPTION, "PROBABILITY"
        ),
        deflated=deflated,
    )


def has_probability(probability: NDArray[np.float32]) -> bool:
    """Whether anything would be left of a probability in steps of 1/255."""
    return float(probability.max(initial=0)) > 0.5 / FRACTIONS


def check_lesions(labels: NDArray[np.uint16], lesions: Sequence[Lesion]) -> None:
    """Check that a label volume and its lesions match.

    Raises
    ------
    ValueError
        There is no lesion, numbers have gaps, or labels go beyond them.
    """
    numbers = [lesion.number for lesion in lesions]
    if not lesions or numbers != list(range(1, len(lesions) + 1)):
        raise ValueError(f"lesions must be numbered from 1 without gaps, got {numbers}")
    if int(labels.max(initial=0)) != len(lesions):
        raise ValueError(f"labels must go up to {len(lesions)}, got {labels.max(initial=0)}")


def segmentation_uid(
    labels: NDArray[np.uint16], source: SourceSeries, authorship: Authorship
) -> str:
    """SOPInstanceUID of the segmentation that `write_segmentation` writes."""
    return derived_uid("instance", *segmentation_words(labels, source, authorship))


def segmentation_words(
    labels: NDArray[np.uint16], source: SourceSeries, authorship: Authorship
) -> tuple[str, str, str]:
    """What the UIDs of a result follow from: source series, model, labels."""
    return source.series_instance_uid, authorship.model_version, _digest(labels)


@dataclass(frozen=True, slots=True)
class _Words:
    """What one kind of segmentation is called."""

    kind: str
    series_number: int
    series_description: str
    content_label: str


def _write(
    path: Path,
    frames: NDArray[Any],
    segments: Sequence[SegmentDescription],
    source: SourceSeries,
    authorship: Authorship,
    *,
    identity: Sequence[str],
    words: _Words,
    deflated: bool,
) -> Path:
    _check_slices(frames, source)
    images = reference_images(source, plain_classes=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom and highdicom quote values of the source
        segmentation = Segmentation(
            source_images=images,
            pixel_array=frames,
            segmentation_type=words.kind,
            segment_descriptions=segments,
            series_instance_uid=derived_uid("series", *identity),
            sop_instance_uid=derived_uid("instance", *identity),
            series_number=words.series_number,
            instance_number=1,
            device_serial_number="none",
            series_description=words.series_description,
            content_label=words.content_label,
            content_description=RESEARCH_NOTICE,
            max_fractional_value=FRACTIONS,
            transfer_syntax_uid=ExplicitVRLittleEndian,
            omit_empty_frames=True,
            **who_and_when(authorship),
        )
        segmentation.ContentCreatorName = ""  # type 2 (PS3.3 10.9), left out by highdicom
        _settle_dimensions(segmentation)
        restore_references(segmentation, source)
        save_result(segmentation, path, source, authorship.made_at, deflated=deflated)
    return path


def _check_slices(voxels: NDArray[Any], source: SourceSeries) -> None:
    if voxels.shape[0] != len(source.slices):
        raise ValueError(f"labels must have {len(source.slices)} slices, got {voxels.shape[0]}")


def _settle_dimensions(segmentation: Segmentation) -> None:
    """Replace a UID that highdicom draws at random, so that the same result has the same bytes."""
    organization = derived_uid("dimensions", segmentation.SOPInstanceUID)
    for item in segmentation.DimensionOrganizationSequence:
        item.DimensionOrganizationUID = organization
    for item in segmentation.DimensionIndexSequence:
        item.DimensionOrganizationUID = organization


def _describe(lesion: Lesion, authorship: Authorship) -> SegmentDescription:
    return SegmentDescription(
        segment_number=lesion.number,
        segment_label=f"Lesion {lesion.number}",
        segmented_property_category=CATEGORY,
        segmented_property_type=TYPE,
        algorithm_type="AUTOMATIC",
        algorithm_identification=_algorithm(authorship),
        tracking_uid=lesion.tracking_uid,
        tracking_id=tracking_id(lesion),
        anatomic_regions=[REGION],
        display_color=CIELabColor.from_rgb(*lesion_colour(lesion.number)),
    )


def _describe_probability(authorship: Authorship) -> SegmentDescription:
    return SegmentDescription(
        segment_number=1,
        segment_label="Probability of metastasis",
        segmented_property_category=CATEGORY,
        segmented_property_type=TYPE,
        algorithm_type="AUTOMATIC",
        algorithm_identification=_algorithm(authorship),
        anatomic_regions=[REGION],
    )


def _algorithm(authorship: Authorship) -> highdicom.AlgorithmIdentificationSequence:
    return highdicom.AlgorithmIdentificationSequence(
        name=ALGORITHM_NAME, family=ALGORITHM_FAMILY, version=authorship.model_version
    )


def _digest(voxels: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(voxels).tobytes()).hexdigest()
