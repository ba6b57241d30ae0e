"""Findings of an earlier result, taken over: a reference that came late needs no new inference.

They are read from the files and rows of that result, and only if all of these are as recorded.
"""

import gzip
import logging
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray

from db.results.earlier import EarlierResult
from imaging.dicom.series.series import SourceSeries
from imaging.export.artifact import Artifact
from imaging.volume import Volume
from metseg.disk import sha256_of
from worker.study.findings import EarlierFiles, Segmentation
from worker.study.versions import package_versions

logger = logging.getLogger(__name__)

WRITTEN_ANEW = frozenset({"preview-png", "report-html", "report-json"})
"""Kinds of files that show the references."""


@dataclass(frozen=True, slots=True, eq=False)
class Earlier:
    """The segmentation of an earlier result. `labels` is ``(Z, H, W)``, value = lesion number."""

    recorded: EarlierResult
    labels: NDArray[np.uint16]
    kept: EarlierFiles

    @property
    def series_instance_uid(self) -> str:
        """The series that was segmented."""
        return self.recorded.series_instance_uid

    def segmentation(self, volume: Volume, source: SourceSeries) -> Segmentation:
        """The findings on the volume that they are of. The probabilities are not kept: None.

        Raises
        ------
        ValueError
            The labels are not on the grid of `volume`.
        """
        if self.labels.shape != volume.shape:
            raise ValueError(f"volume must have shape {self.labels.shape}, got {volume.shape}")
        return Segmentation(
            volume=volume,
            source=source,
            labels=self.labels,
            probability=None,
            lesions=self.recorded.lesions,
            dropped=self.recorded.dropped,
            agreement=self.recorded.agreement,
            expected_dice=self.recorded.expected_dice,
            entropy=self.recorded.entropy,
            kept=self.kept,
            brain=self.recorded.brain,
            compute=self.recorded.compute,
        )


def take_over(recorded: EarlierResult, results_dir: Path) -> Earlier | None:
    """What an earlier result found; None where it was made with other packages, or its files are
    not as recorded.
    """
    if dict(recorded.versions) != package_versions() | {"ensemble": recorded.versions["ensemble"]}:
        return None
    paths = {one.path: results_dir / one.path for one in recorded.artifacts}
    if not all(_is_intact(paths[one.path], one) for one in recorded.artifacts):
        logger.warning("result %d: its files are not as recorded", recorded.result_id)
        return None
    files = tuple(
        (one.kind, paths[one.path]) for one in recorded.artifacts if one.kind not in WRITTEN_ANEW
    )
    kept = EarlierFiles(files, recorded.mask_nifti_gz)
    return Earlier(recorded, _labels(recorded.mask_nifti_gz), kept)


def _is_intact(path: Path, recorded: Artifact) -> bool:
    return path.is_file() and sha256_of(path) == recorded.sha256


def _labels(nifti_gz: bytes) -> NDArray[np.uint16]:
    """``(Z, H, W)`` of what `imaging.export.nifti.nifti_bytes` wrote."""
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(nifti_gz))
    return np.ascontiguousarray(np.asarray(image.dataobj).T, dtype=np.uint16)
