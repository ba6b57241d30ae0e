"""Findings as files. Formats are `imaging.export`'s; here is which file is written when."""

import hashlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

from imaging.export.dicom.authorship import Authorship
from imaging.export.dicom.reference_images import cannot_refer
from imaging.export.dicom.rtstruct import write_structures
from imaging.export.dicom.seg import has_probability, write_probability, write_segmentation
from imaging.export.dicom.sr import write_measurements
from imaging.export.nifti import nifti_bytes, probability_nifti_bytes
from imaging.export.page.html import Pictures, report_html
from imaging.export.page.report import ReportFacts, build_report, report_bytes
from imaging.export.pictures.drawing import jpeg_bytes
from imaging.export.pictures.preview import key_images, preview_png
from metseg.disk import sha256_of
from metseg.settings import Settings
from worker.study.findings import Kept, Segmentation, StudyFindings
from worker.study.versions import package_versions

SEGMENTATION = "lesions.dcm"
PROBABILITY_SEGMENTATION = "probability.dcm"
MEASUREMENTS = "measurements.dcm"
STRUCTURES = "structures.dcm"
MASK = "mask.nii.gz"
PROBABILITY = "probability.nii.gz"
MONTAGE = "key-slices.png"
REPORT_JSON = "report.json"
REPORT_HTML = "report.html"
_KEY_IMAGE = re.compile(r"lesion-\d{2,}\.png")
_NAMES = frozenset(
    {
        SEGMENTATION,
        PROBABILITY_SEGMENTATION,
        MEASUREMENTS,
        STRUCTURES,
        MASK,
        PROBABILITY,
        MONTAGE,
        REPORT_JSON,
        REPORT_HTML,
    }
)

MOST_PICTURES = 20
"""Key images are drawn of so many lesions, the largest: nobody leafs through two hundred."""
PICTURE_BYTES_IN_PAGE = 6_000_000
"""As text in the page they take a third more; the page stays below 10 MB. Where PNGs are more than
this the page has JPEGs of them."""


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """One file of a result: its name in the folder, and what its bytes must be."""

    kind: str
    name: str
    size: int
    sha256: str


@dataclass(slots=True)
class Written:
    """All files of a result, the mask once more for the database, and the pictures for the page."""

    folder: Path
    files: list[WrittenFile] = field(default_factory=list)
    mask_nifti_gz: bytes | None = field(default=None, repr=False)
    pictures: Pictures = field(default_factory=Pictures, repr=False)
    warnings: tuple[str, ...] = ()
    """What was left out, and why."""

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

    def move_to(self, folder: Path) -> None:
        """Move the files into a folder of the same file system, each whole, over those of an
        earlier result there. What that result had and this one has not is removed first: nothing
        of one study stays beside the report of another.
        """
        names = [one.name for one in self.files]
        for path in folder.iterdir():
            is_ours = path.name in _NAMES or _KEY_IMAGE.fullmatch(path.name)
            if is_ours and path.name not in names:
                path.unlink()
        for name in names:
            (self.folder / name).replace(folder / name)
        self.folder = folder

    def entries(self) -> list[dict[str, Any]]:
        """Kind, name and SHA-256 of each file."""
        return [{"kind": one.kind, "path": one.name, "sha256": one.sha256} for one in self.files]


def write_artifacts(
    findings: StudyFindings,
    folder: Path,
    *,
    settings: Settings,
    made_at: datetime,
    seconds: Mapping[str, float],
    run: str | None = None,
) -> Written:
    """Write the files of a result into `folder`.

    The report always, as page and as JSON. Where a series was segmented also mask, pictures and
    DICOM SR; the DICOM SEG where it has lesions. By `settings` the RT structure set, and the
    probability as NIfTI and as DICOM SEG. `made_at` has its time zone; `run` is what the result is
    called by our own ids.

    Raises
    ------
    OSError
        The disk is full or gone.
    """
    written = Written(folder)
    if findings.segmentation is not None:
        authorship = Authorship(findings.ensemble_version, version("metseg"), made_at.astimezone())
        unfit = cannot_refer(findings.segmentation.source)
        if unfit is not None:
            written.warnings = (
                f"DICOM results cannot refer to the series, and are left out: {unfit}",
            )
        if findings.segmentation.kept is not None:
            _take_over(findings.segmentation.kept, written)
        else:
            if unfit is None:
                _write_dicom(findings.segmentation, written, authorship, settings)
            _write_volumes(findings.segmentation, written, settings)
        _write_pictures(findings.segmentation, written)
    facts = _facts(findings, written, seconds)
    report = build_report(replace(facts, run=run, made_at=f"{made_at:%Y-%m-%d %H:%M %Z}"))
    written.put("report-json", REPORT_JSON, report_bytes(report))
    page = report_html(report | {"artifacts": written.entries()}, written.pictures)
    written.put("report-html", REPORT_HTML, page)
    return written


def _take_over(kept: Kept, written: Written) -> None:
    """The same findings have the same files."""
    written.mask_nifti_gz = kept.mask_nifti_gz
    for kind, path in kept.files:
        shutil.copyfile(path, written.folder / path.name)
        written.adopt(kind, path.name)


def _write_dicom(
    found: Segmentation, written: Written, authorship: Authorship, settings: Settings
) -> None:
    labels, lesions, source = found.labels, found.lesions, found.source
    deflated = settings.compress_seg
    if lesions:
        path = written.folder / SEGMENTATION
        write_segmentation(path, labels, lesions, source, authorship, deflated=deflated)
        written.adopt("dicom-seg", SEGMENTATION)
    path = written.folder / MEASUREMENTS
    write_measurements(path, labels, lesions, source, authorship)
    written.adopt("dicom-sr", MEASUREMENTS)
    if lesions and settings.rtstruct:
        path = written.folder / STRUCTURES
        write_structures(path, labels, lesions, found.volume, source, authorship)
        written.adopt("dicom-rtstruct", STRUCTURES)
    probability = found.probability
    if settings.fractional_seg and probability is not None and has_probability(probability):
        path = written.folder / PROBABILITY_SEGMENTATION
        write_probability(path, probability, source, authorship, deflated=deflated)
        written.adopt("dicom-seg", PROBABILITY_SEGMENTATION)


def _write_volumes(found: Segmentation, written: Written, settings: Settings) -> None:
    written.mask_nifti_gz = nifti_bytes(found.labels, found.volume)
    written.put("mask-nifti", MASK, written.mask_nifti_gz)
    if settings.probability_nifti and found.probability is not None:
        content = probability_nifti_bytes(found.probability, found.volume)
        written.put("probability-nifti", PROBABILITY, content)


def _write_pictures(found: Segmentation, written: Written) -> None:
    reference = found.scores[0].mask if found.scores else None
    volume, labels, lesions = found.volume, found.labels, found.lesions
    montage = preview_png(volume, labels, lesions, reference=reference)
    written.put("preview-png", MONTAGE, montage)
    shown: list[tuple[int, bytes]] = []
    drawn = key_images(volume, labels, lesions, reference=reference)
    for lesion, picture in islice(drawn, MOST_PICTURES):
        written.put("preview-png", f"lesion-{lesion.number:02d}.png", picture)
        shown.append((lesion.number, picture))
    if len(montage) + sum(len(picture) for _, picture in shown) > PICTURE_BYTES_IN_PAGE:
        shown = [(number, jpeg_bytes(picture)) for number, picture in shown]
    written.pictures = Pictures(montage, tuple(shown))


def _facts(findings: StudyFindings, written: Written, seconds: Mapping[str, float]) -> ReportFacts:
    facts = ReportFacts(
        study_uid=findings.study_uid,
        series_uid=None,
        status="no_series",
        model_version=findings.ensemble_version,
        choice=findings.choice,
        warnings=(*findings.warnings, *written.warnings),
        versions=package_versions(),
        settings=findings.settings,
        timings_s=dict(seconds),
        artifacts=written.entries(),
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
        evaluations=[score.evaluation for score in found.scores],
        refused_references=found.refused,
        agreement=found.agreement,
        expected_dice=found.expected_dice,
        entropy=found.entropy,
        brain=found.brain,
        voxel_spacing_mm=found.volume.spacing,
    )
