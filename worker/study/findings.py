"""What the walk of a study gives: arrays and facts, before anything is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.brain_seen import BrainSeen
from imaging.choice.verdict import Choice
from imaging.dicom.series.series import Series, SourceSeries
from imaging.lesions.lesion import Dropped, Lesion
from imaging.metrics.evaluation import ReferenceEvaluation, RefusedReference
from imaging.volume import Volume
from metseg.compute import Compute


@dataclass(frozen=True, slots=True, eq=False)
class ScoredReference:
    """The lesions measured against one real reference, its `mask` on the grid of the volume.

    `warnings` say what is doubtful in the reference; the notes of the evaluation repeat them.
    """

    evaluation: ReferenceEvaluation
    mask: NDArray[np.bool_]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EarlierFiles:
    """What an earlier result wrote of the same findings, by kind, to be taken over as it is."""

    files: tuple[tuple[str, Path], ...]
    mask_nifti_gz: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """The chosen series, segmented and measured.

    `labels` is ``(Z, H, W)`` on the native grid of `volume`, value = lesion number, and
    `probability` the mean probability there, None where `kept` is of an earlier result. `agreement`
    is Dice between the members; `expected_dice` and `entropy` are of the mean probability.
    `brain` is None where no network sees one, and `compute` where the ensemble does not say.
    """

    volume: Volume
    source: SourceSeries
    labels: NDArray[np.uint16]
    probability: NDArray[np.float32] | None
    lesions: tuple[Lesion, ...]
    dropped: tuple[Dropped, ...]
    agreement: float | None
    expected_dice: float | None
    entropy: float | None
    brain: BrainSeen | None = None
    compute: Compute | None = None
    scores: tuple[ScoredReference, ...] = ()
    refused: tuple[RefusedReference, ...] = ()
    kept: EarlierFiles | None = None


@dataclass(frozen=True, slots=True, eq=False)
class StudyFindings:
    """What was found in a study. Without a segmentation no series was suitable, and `choice` says
    why.
    """

    study_uid: str
    series: tuple[Series, ...]
    choice: Choice
    ensemble_version: str
    settings: Mapping[str, Any]
    segmentation: Segmentation | None = None
    warnings: tuple[str, ...] = ()
