"""Findings as the rows that record them."""

from collections.abc import Mapping
from dataclasses import replace

from db.results.new_result import NewResult
from db.tables.tables import Outcome
from worker.files.artifacts import Written
from worker.study.findings import Segmentation, StudyFindings
from worker.study.versions import package_versions


def new_result(
    findings: StudyFindings, written: Written, *, directory: str, seconds: Mapping[str, float]
) -> NewResult:
    """The rows of one run.

    `directory` is where its files are, relative to the results folder; `seconds` are by stage.
    """
    result = NewResult(
        outcome=Outcome.NO_SERIES,
        directory=directory,
        series=findings.choice.verdicts,
        artifacts=tuple(replace(file, path=f"{directory}/{file.path}") for file in written.files),
        warnings=(*findings.warnings, *written.warnings),
        timings_s={name: round(value, 4) for name, value in seconds.items()},
        versions=package_versions() | {"ensemble": findings.ensemble_version},
    )
    if findings.segmentation is None:
        return result
    return _segmented(result, findings.segmentation, written)


def _segmented(result: NewResult, found: Segmentation, written: Written) -> NewResult:
    return replace(
        result,
        outcome=Outcome.SEGMENTED,
        series_instance_uid=found.source.series_instance_uid,
        mask_nifti_gz=written.mask_nifti_gz,
        lesions=found.lesions,
        dropped=found.dropped,
        evaluations=tuple(score.evaluation for score in found.scores),
        brain=found.brain,
        refused_references=found.refused,
        agreement=found.agreement,
        expected_dice=found.expected_dice,
        entropy=found.entropy,
        compute=found.compute,
    )
