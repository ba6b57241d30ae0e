"""Findings as the rows that record them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from db.results.evaluations import DIAMETER_BANDS
from db.results.new_result import (
    NewArtifact,
    NewDropped,
    NewEvaluation,
    NewLesion,
    NewRefusedReference,
    NewResult,
    NewSeries,
)
from db.tables.tables import Outcome
from imaging.metrics import Evaluation
from worker.files.artifacts import Written
from worker.study.findings import ReferenceScore, Segmentation, StudyFindings
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
        series=_series(findings),
        artifacts=tuple(
            NewArtifact(file.kind, f"{directory}/{file.name}", file.size, file.sha256)
            for file in written.files
        ),
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
        lesions=_lesions(found, written.tracking_uids),
        dropped=tuple(NewDropped(d.reason, d.volume_mm3, d.centroid_lps_mm) for d in found.dropped),
        evaluations=tuple(_evaluation(score) for score in found.scores),
        brain_volume_ml=None if found.brain is None else found.brain.volume_ml,
        brain_centroid_lps_mm=None if found.brain is None else found.brain.centroid_lps_mm,
        refused_references=tuple(
            NewRefusedReference(one.sha256, one.kind, one.reason) for one in found.refused
        ),
        agreement=found.agreement,
        expected_dice=found.expected_dice,
        entropy=found.entropy,
    )


def _series(findings: StudyFindings) -> tuple[NewSeries, ...]:
    facts = {series.series_instance_uid: series for series in findings.series}
    return tuple(
        NewSeries(
            series_instance_uid=verdict.series_instance_uid,
            modality=facts[verdict.series_instance_uid].facts.modality[:16],
            n_instances=len(facts[verdict.series_instance_uid].files),
            chosen=verdict.series_instance_uid == findings.choice.chosen,
            eligible=verdict.eligible,
            score=verdict.score,
            reasons_for=verdict.reasons_for,
            reasons_against=verdict.reasons_against,
        )
        for verdict in findings.choice.verdicts
    )


def _lesions(found: Segmentation, tracking_uids: Sequence[str]) -> tuple[NewLesion, ...]:
    return tuple(
        NewLesion(
            number=lesion.number,
            tracking_uid=tracking_uid,
            voxel_count=lesion.voxel_count,
            volume_mm3=lesion.volume_mm3,
            longest_diameter_mm=lesion.longest_diameter_mm,
            perpendicular_diameter_mm=lesion.perpendicular_diameter_mm,
            centroid_lps_mm=lesion.centroid_lps_mm,
            mean_probability=lesion.mean_probability,
            measurable=lesion.measurable,
            possible=lesion.possible,
        )
        for lesion, tracking_uid in zip(found.lesions, tracking_uids, strict=True)
    )


def _evaluation(score: ReferenceScore) -> NewEvaluation:
    measured = score.evaluation
    return NewEvaluation(
        reference_sha256=score.sha256,
        reference_kind=score.kind,
        dice=measured.dice,
        lesion_dice=measured.lesion_dice_mean,
        hd95_mm=measured.hd95_mm,
        true_positives=measured.true_positives,
        false_positives=measured.false_positives,
        false_negatives=measured.false_negatives,
        reference_volume_mm3=score.reference_volume_mm3,
        volume_error_mm3=measured.volume_error_mm3,
        surface_dice=measured.surface_dice,
        lesion_surface_dice=measured.lesion_surface_dice_mean,
        surface_dice_tolerance_mm=measured.surface_dice_tolerance_mm,
        relative_volume_error=measured.relative_volume_error,
        labels=None if score.labels is None else list(score.labels),
        notes=[*score.notes, *score.warnings],
        **_found_by_size(measured),
    )


def _found_by_size(measured: Evaluation) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in measured.sensitivity_by_diameter:
        band = DIAMETER_BANDS[one.name]
        counts |= {f"found_{band}": one.found, f"lesions_{band}": one.lesions}
    return counts
