"""The walk of a study: files in, findings out. Start reading here.

No database, no queue, nothing written. `metseg segment` and the daemon both walk it.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from imaging.choice import choose_series
from imaging.lesions import LesionRule, find_lesions
from imaging.metrics import agreement, entropy, expected_dice
from imaging.series import Series, SourceSeries, check_spacing, group_series, read_series
from imaging.volume import Volume
from metseg.settings import RESULT_SETTINGS, Settings
from models.ensemble import Ensemble, Prediction
from worker.findings import Segmentation, StudyFindings
from worker.references import score_references, split_references
from worker.stopwatch import Stopwatch

LOW_AGREEMENT = 0.5
"""Members that overlap less than this on a study with lesions do not see the same thing."""


def segment_study(
    files: Sequence[Path], *, ensemble: Ensemble, settings: Settings, watch: Stopwatch
) -> StudyFindings:
    """Find the metastases of one study.

    `files` are DICOM instances of any of its series, in any order; segmentations among them are
    references. `watch` collects the seconds of the stages read, prepare, infer and lesions. Raises
    `InputError` when the chosen series cannot be read or must not be segmented,
    `InfrastructureError` when disk or device are at fault.
    """
    with watch.stage("read"):
        grouped = group_series(files)
        series, references = split_references(grouped)
        choice = choose_series([s.facts for s in series], accept_any_t1=settings.accept_any_t1)
        findings = StudyFindings(
            study_uid=grouped[0].study_instance_uid,
            series=series,
            choice=choice,
            ensemble_version=ensemble.version,
            settings={name: getattr(settings, name) for name in RESULT_SETTINGS},
        )
        if choice.chosen is None:
            return findings
        volume, source = read_series(_files_of(choice.chosen, series))
        thick = check_spacing(
            volume, warn_mm=settings.warn_spacing_mm, refuse_mm=settings.refuse_spacing_mm
        )
    with watch.stage("infer") as report:
        prediction = ensemble.predict(volume, progress=report)
    watch.move(prediction.seconds.get("prepare", 0.0), out_of="infer", into="prepare")
    with watch.stage("lesions"):
        found = _measure(prediction, volume, source, lesion_rule(ensemble.rule, settings))
        scores, refused = score_references(references, found)
    warnings = (*source.warnings, *thick, *_disagreement(found), *refused)
    return replace(findings, segmentation=replace(found, scores=scores), warnings=warnings)


def lesion_rule(shipped: LesionRule, settings: Settings) -> LesionRule:
    """The weights' own rule, with what the settings set otherwise."""
    return replace(
        shipped,
        **{
            name: value
            for name in ("seed_threshold", "grow_threshold", "minimum_volume_mm3")
            if (value := getattr(settings, name)) is not None
        },
    )


def _files_of(series_instance_uid: str, series: Sequence[Series]) -> Sequence[Path]:
    return next(s.files for s in series if s.series_instance_uid == series_instance_uid)


def _measure(
    prediction: Prediction, volume: Volume, source: SourceSeries, rule: LesionRule
) -> Segmentation:
    labels, lesions, dropped = find_lesions(prediction.mean, volume, rule)
    return Segmentation(
        volume=volume,
        source=source,
        labels=labels,
        lesions=tuple(lesions),
        dropped=tuple(dropped),
        agreement=agreement(prediction.members),
        expected_dice=expected_dice(prediction.mean, labels > 0),
        entropy=entropy(prediction.mean),
    )


def _disagreement(segmentation: Segmentation) -> list[str]:
    agreed = segmentation.agreement
    if segmentation.lesions and agreed is not None and agreed < LOW_AGREEMENT:
        return [f"the networks agree poorly: Dice {agreed:.2f} between them"]
    return []
