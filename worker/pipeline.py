"""The walk of a study: files in, findings out. Start reading here.

No database, no queue, nothing written. `metseg segment` and the daemon both walk it.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from imaging.choice import choose_series
from imaging.lesion_rule import LesionRule
from imaging.lesions import find_lesions
from imaging.metrics import agreement, entropy, expected_dice
from imaging.series import Series, SourceSeries, check_spacing, group_series, read_series
from imaging.volume import Volume
from metseg.errors import DicomError, InputError, SeriesError
from metseg.settings import Settings
from models.ensemble import Ensemble, Prediction
from worker.findings import Segmentation, StudyFindings
from worker.references import (
    Reference,
    ReferenceRules,
    score_references,
    split_files,
    split_references,
    unmeasured,
    warnings_of,
)
from worker.renewal import Earlier
from worker.stopwatch import Stopwatch

LOW_AGREEMENT = 0.5
"""Members that overlap less than this on a study with lesions do not see the same thing."""


def segment_study(
    files: Sequence[Path],
    *,
    ensemble: Ensemble,
    settings: Settings,
    watch: Stopwatch,
    earlier: Earlier | None = None,
) -> StudyFindings:
    """Find the metastases of one study.

    `files` are DICOM instances of any of its series, in any order, and NIfTI masks; segmentations
    among them are references. `earlier` is what was found before in the same files of its series:
    where that is the series to take, it still holds. `watch` collects the seconds of the stages
    read, prepare, infer and lesions. Raises `InputError` when the chosen series cannot be read or
    must not be segmented, `InfrastructureError` when disk or device are at fault.
    """
    with watch.stage("read"):
        findings, references = _look(files, ensemble=ensemble, settings=settings)
        chosen = findings.choice.chosen
        if chosen is None:
            _check_readable(findings.series)
            return replace(findings, warnings=unmeasured(references))
        volume, source, thick = _read(chosen, findings, settings)
    if earlier is not None and earlier.series_instance_uid == chosen:
        found = earlier.segmentation(volume, source)
    else:
        found = _infer(volume, source, ensemble=ensemble, settings=settings, watch=watch)
    with watch.stage("lesions"):
        rules = ReferenceRules(settings.counted_labels, settings.counted_regions)
        scores, refused = score_references(references, found, rules)
    warnings = (*source.warnings, *thick, *_disagreement(found), *warnings_of(scores, refused))
    segmentation = replace(found, scores=scores, refused=refused)
    return replace(findings, segmentation=segmentation, warnings=warnings)


def _look(
    files: Sequence[Path], *, ensemble: Ensemble, settings: Settings
) -> tuple[StudyFindings, list[Reference]]:
    """What is in the study, and which series to take; and its references."""
    dicom, niftis = split_files(files)
    if not dicom:
        raise SeriesError("a study must have DICOM files, got none")
    grouped = group_series(dicom)
    series, references = split_references(grouped)
    findings = StudyFindings(
        study_uid=(*series, *grouped)[0].study_instance_uid,
        series=series,
        choice=choose_series(
            [s.facts for s in series],
            accept_any_t1=settings.accept_any_t1,
            rules=settings.choice_rules,
            refuse_spacing_mm=settings.refuse_spacing_mm,
        ),
        ensemble_version=ensemble.version,
        settings=settings.result_values,
    )
    return findings, [*references, *niftis]


def _infer(
    volume: Volume,
    source: SourceSeries,
    *,
    ensemble: Ensemble,
    settings: Settings,
    watch: Stopwatch,
) -> Segmentation:
    with watch.stage("infer") as report:
        prediction = ensemble.predict(volume, progress=report)
    watch.move(prediction.seconds.get("prepare", 0.0), out_of="infer", into="prepare")
    with watch.stage("lesions"):
        return _measure(prediction, volume, source, lesion_rule(ensemble.rule, settings))


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


def _check_readable(series: Sequence[Series]) -> None:
    """Where nothing can be taken, a series that might have been, had it been readable, is a fault
    and no result.
    """
    for one in series:
        if one.facts.modality == "MR" and one.facts.unreadable:
            raise DicomError(f"{_name(one)}: {one.facts.unreadable}")


def _read(
    series_instance_uid: str, findings: StudyFindings, settings: Settings
) -> tuple[Volume, SourceSeries, list[str]]:
    """The chosen series, and warnings of its spacing. What is wrong with it names it: a study has
    dozens.
    """
    chosen = next(s for s in findings.series if s.series_instance_uid == series_instance_uid)
    try:
        volume, source = read_series(chosen.files)
        thick = check_spacing(
            volume, warn_mm=settings.warn_spacing_mm, refuse_mm=settings.refuse_spacing_mm
        )
    except InputError as error:
        eligible = sum(verdict.eligible for verdict in findings.choice.verdicts)
        where = f"{_name(chosen)}, the best of {eligible} eligible"
        raise type(error)(f"{where}: {error}") from error
    return volume, source, thick


def _name(series: Series) -> str:
    """What people find it by, without its UID: messages go to the log."""
    number = series.facts.series_number
    called = "a series without number" if number is None else f"series {number}"
    return f"{called} ({len(series.files)} files)"


def _measure(
    prediction: Prediction, volume: Volume, source: SourceSeries, rule: LesionRule
) -> Segmentation:
    labels, lesions, dropped = find_lesions(
        prediction.mean,
        volume,
        rule,
        members=tuple(prediction.members.values()),
        brain=prediction.brain,
    )
    return Segmentation(
        volume=volume,
        source=source,
        labels=labels,
        probability=prediction.mean,
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
