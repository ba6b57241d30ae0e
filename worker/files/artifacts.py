"""The files of a result, written into its folder. `worker.files.outputs` says which there are."""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path

from imaging.export.artifact import Artifact
from imaging.export.dicom.authorship import Authorship
from imaging.export.page.report import ReportFacts, build_report
from metseg.disk import sha256_of
from metseg.settings import Settings
from worker.files.outputs import OUTPUTS, Making, Output, is_output
from worker.study.findings import EarlierFiles, StudyFindings
from worker.study.renewal import WRITTEN_ANEW
from worker.study.versions import package_versions


@dataclass(slots=True)
class Written:
    """All files of a result, and the mask once more for the database."""

    folder: Path
    files: list[Artifact] = field(default_factory=list)
    mask_nifti_gz: bytes | None = field(default=None, repr=False)
    warnings: tuple[str, ...] = ()
    """What was left out, and why."""

    def put(self, kind: str, name: str, content: bytes) -> None:
        """Write a file. Its SHA-256 is that of what we have in memory."""
        (self.folder / name).write_bytes(content)
        self.files.append(Artifact(kind, name, len(content), hashlib.sha256(content).hexdigest()))

    def adopt(self, kind: str, name: str) -> None:
        """Take in a file that a library wrote."""
        path = self.folder / name
        self.files.append(Artifact(kind, name, path.stat().st_size, sha256_of(path)))

    def move_to(self, folder: Path) -> None:
        """Move the files into a folder of the same file system, each whole, over those of an
        earlier result there. What that result had and this one has not is removed first: nothing
        of one study stays beside the report of another.
        """
        names = [one.path for one in self.files]
        for path in folder.iterdir():
            if is_output(path.name) and path.name not in names:
                path.unlink()
        for name in names:
            (self.folder / name).replace(folder / name)
        self.folder = folder


def write_artifacts(
    findings: StudyFindings,
    folder: Path,
    *,
    settings: Settings,
    made_at: datetime,
    seconds: Mapping[str, float],
    run: str | None = None,
) -> Written:
    """Write the files of a result into `folder`: those of `OUTPUTS` that `settings.outputs` names,
    that the findings have, and that metseg itself needs. `made_at` has its time zone; `run` names
    the result by metseg's own ids.

    Raises
    ------
    OSError
        The disk is full or gone.
    """
    ours = package_versions()["metseg"]
    authorship = Authorship(findings.ensemble_version, ours, made_at.astimezone())
    making, written = Making(findings, settings, authorship), Written(folder)
    found = findings.segmentation
    wanted = [one for one in OUTPUTS if one.name is None or one.name in settings.outputs]
    reports = [one for one in wanted if one.kind.startswith("report-")]
    of_study = [one for one in wanted if one not in reports]
    if found is not None:
        written.mask_nifti_gz = making.mask_nifti_gz
        dicom = [one for one in of_study if one.kind.startswith("dicom-")]
        if dicom and making.unfit is not None:
            of_study = [one for one in of_study if one not in dicom]
            written.warnings = (
                f"DICOM results cannot refer to the series, and are left out: {making.unfit}",
            )
        if found.kept is not None:
            _take_over(found.kept, written)
            of_study = [one for one in of_study if one.kind in WRITTEN_ANEW]
    _write(of_study, making, written)
    facts = _facts(findings, written, seconds)
    made = f"{made_at:%Y-%m-%d %H:%M %Z}"
    making.report = build_report(replace(facts, run=run, made_at=made))
    for report in reports:
        _write([report], making, written)
        making.report = making.report | {"artifacts": [asdict(one) for one in written.files]}
    return written


def _write(outputs: Sequence[Output], making: Making, written: Written) -> None:
    """Write those outputs that the findings have, one after the other."""
    for output in outputs:
        if not output.when(making):
            continue
        made = output.write(making, written.folder / output.file)
        if made is None:
            written.adopt(output.kind, output.file)
            continue
        contents = {output.file: made} if isinstance(made, bytes) else made
        for name, content in contents.items():
            written.put(output.kind, name, content)


def _take_over(kept: EarlierFiles, written: Written) -> None:
    """Copy the files of an earlier result: the same findings have the same files."""
    for kind, path in kept.files:
        shutil.copyfile(path, written.folder / path.name)
        written.adopt(kind, path.name)


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
        artifacts=written.files,
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
        compute=found.compute,
        brain=found.brain,
        voxel_spacing_mm=found.volume.spacing,
    )
