"""Findings as files. Formats are `imaging.export`'s; here is which file is written when."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from imaging.export.nifti import nifti_bytes
from imaging.export.preview import preview_png
from imaging.export.report import ReportFacts, report_bytes
from imaging.export.seg import Authorship, tracking_uid, write_segmentation
from worker.findings import Segmentation, StudyFindings
from worker.staging import sha256_of
from worker.versions import package_versions

MASK = "mask.nii.gz"
LESIONS = "lesions.dcm"
KEY_SLICES = "key-slices.png"
REPORT = "report.json"


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """One file of a result: its name in the folder, and what its bytes must be."""

    kind: str
    name: str
    size: int
    sha256: str


@dataclass(slots=True)
class Written:
    """All files of a result, the mask once more for the database, and the lesions' UIDs."""

    folder: Path
    files: list[WrittenFile] = field(default_factory=list)
    mask_nifti_gz: bytes | None = field(default=None, repr=False)
    tracking_uids: tuple[str, ...] = ()

    def put(self, kind: str, name: str, content: bytes) -> None:
        """Write a file. Its SHA-256 is that of what we have in memory."""
        (self.folder / name).write_bytes(content)
        self.files.append(
            WrittenFile(kind, name, len(content), hashlib.sha256(content).hexdigest())
        )

    def adopt(self, kind: str, name: str) -> None:
        """Take in a file that a library wrote."""
        path = self.folder / name
        self.files.append(WrittenFile(kind, name, path.stat().st_size, sha256_of(path)))


def write_artifacts(
    findings: StudyFindings, folder: Path, *, made_at: datetime, seconds: Mapping[str, float]
) -> Written:
    """Write the files of a result into `folder`: the report always, mask and picture where a series
    was segmented, the DICOM SEG where it has lesions.

    Raises
    ------
    OSError
        The disk is full or gone.
    """
    written = Written(folder)
    if findings.segmentation is not None:
        _write_segmentation(findings.segmentation, written, findings.ensemble_version, made_at)
    written.put("report-json", REPORT, report_bytes(_facts(findings, written, seconds)))
    return written


def _write_segmentation(
    found: Segmentation, written: Written, model_version: str, made_at: datetime
) -> None:
    written.mask_nifti_gz = nifti_bytes(found.labels, found.volume)
    written.put("mask-nifti", MASK, written.mask_nifti_gz)
    reference = found.scores[0].mask if found.scores else None
    picture = preview_png(found.volume, found.labels, found.lesions, reference=reference)
    written.put("preview-png", KEY_SLICES, picture)
    written.tracking_uids = tuple(
        tracking_uid(lesion, found.source, model_version) for lesion in found.lesions
    )
    if found.lesions:
        authorship = Authorship(model_version, version("metseg"), made_at)
        path = written.folder / LESIONS
        write_segmentation(path, found.labels, found.lesions, found.source, authorship)
        written.adopt("dicom-seg", LESIONS)


def _facts(findings: StudyFindings, written: Written, seconds: Mapping[str, float]) -> ReportFacts:
    facts = ReportFacts(
        study_uid=findings.study_uid,
        series_uid=None,
        status="no_series",
        model_version=findings.ensemble_version,
        choice=findings.choice,
        warnings=findings.warnings,
        versions=package_versions(),
        settings=findings.settings,
        timings_s=dict(seconds),
        artifacts=[
            {"kind": file.kind, "path": file.name, "sha256": file.sha256} for file in written.files
        ],
    )
    found = findings.segmentation
    if found is None:
        return facts
    return replace(
        facts,
        series_uid=found.source.series_instance_uid,
        status="succeeded",
        lesions=found.lesions,
        dropped=found.dropped,
        references={score.sha256: score.evaluation for score in found.scores},
        agreement=found.agreement,
        expected_dice=found.expected_dice,
        entropy=found.entropy,
        voxel_spacing_mm=found.volume.spacing,
    )
