"""Reference segmentations that came with a study: found, laid on the volume, measured against."""

import logging
from collections.abc import Sequence
from pathlib import Path

from imaging.headers import OWN_MANUFACTURER
from imaging.metrics import evaluate
from imaging.reference import read_reference
from imaging.series import Series
from metseg.errors import InputError
from worker.findings import ReferenceScore, Segmentation
from worker.staging import sha256_of

logger = logging.getLogger(__name__)

DICOM_SEG = "dicom-seg"


def split_references(series: Sequence[Series]) -> tuple[tuple[Series, ...], tuple[Path, ...]]:
    """Part the series to choose from and the files of reference segmentations (modality SEG).

    Segmentations of our own are neither: they are results that came back.
    """
    images = tuple(one for one in series if one.facts.modality != "SEG")
    references = (
        path
        for one in series
        if one.facts.modality == "SEG" and one.facts.manufacturer != OWN_MANUFACTURER
        for path in one.files
    )
    return images, tuple(references)


def score_references(
    references: Sequence[Path], segmentation: Segmentation
) -> tuple[tuple[ReferenceScore, ...], list[str]]:
    """Measure against each reference. One that does not fit the volume makes a warning, not a
    failure.
    """
    scores: list[ReferenceScore] = []
    refused: list[str] = []
    for path in references:
        try:
            scores.append(_score(path, segmentation))
        except InputError as error:
            refused.append(f"a reference was left out: {error}")
    return tuple(scores), refused


def _score(path: Path, segmentation: Segmentation) -> ReferenceScore:
    volume = segmentation.volume
    mask = read_reference(path, volume, segmentation.source)
    return ReferenceScore(
        sha256=sha256_of(path),
        kind=DICOM_SEG,
        reference_volume_mm3=float(mask.sum()) * volume.voxel_volume_mm3,
        evaluation=evaluate(segmentation.labels, mask, volume),
        mask=mask,
    )
