"""The walk of a study: files in, findings out. Start reading here.

No database, no queue, nothing written. `metseg segment` and the daemon both use it.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from imaging.brain import brain_seen, check_brain
from imaging.choice.choice import choose_series, passed_over
from imaging.choice.rules import rules_in_force
from imaging.dicom.series.series import (
    Series,
    SourceSeries,
    check_spacing,
    group_series,
    read_series,
)
from imaging.dicom.values.patients import several
from imaging.export.dicom.authorship import identified
from imaging.lesions.find import find_lesions
from imaging.lesions.rule import LesionRule
from imaging.metrics.without_reference import agreement, entropy, expected_dice
from imaging.volume import Volume
from metseg.errors import DicomError, InputError, PatientError, SeriesError
from metseg.settings import Settings
from models.ensemble import Ensemble, Prediction
from worker.study.enhancement_check import Pictures, check_enhancement
from worker.study.findings import Segmentation, StudyFindings
from worker.study.references import (
    Reference,
    ReferenceRules,
    score_references,
    split_files,
    split_references,
    unmeasured,
    warnings_of,
)
from worker.study.renewal import Earlier
from worker.study.stopwatch import Stopwatch

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
    read, prepare, infer and lesions. Raises `InputError` when the chosen series cannot be read,
    must not be segmented or shows no brain, `InfrastructureError` when disk or device are at fault.
    """
    with watch.stage("read"):
        findings, references, picture = _examine(files, ensemble=ensemble, settings=settings)
        if findings.choice.chosen is None:
            _check_readable(findings.series)
            return replace(findings, warnings=unmeasured(references))
        findings, volume, source = _read(findings, settings, picture)
        chosen = findings.choice.chosen
    if earlier is not None and earlier.series_instance_uid == chosen:
        found = earlier.segmentation(volume, source)
    else:
        found = _infer(volume, source, ensemble=ensemble, settings=settings, watch=watch)
    odd = () if found.brain is None else check_brain(found.brain)
    with watch.stage("lesions"):
        rules = ReferenceRules(settings.counted_labels, settings.counted_regions)
        scores, refused = score_references(references, found, rules)
    said = warnings_of(scores, refused)
    warnings = (*findings.warnings, *odd, *_disagreement(found), *said)
    segmentation = replace(found, scores=scores, refused=refused)
    return replace(findings, segmentation=segmentation, warnings=warnings)


def _examine(
    files: Sequence[Path], *, ensemble: Ensemble, settings: Settings
) -> tuple[StudyFindings, list[Reference], Pictures | None]:
    """What is in the study, and which series to take; its references; and the picture of that
    series where it was read already.
    """
    dicom, niftis = split_files(files)
    if not dicom:
        raise SeriesError("a study must have DICOM files, got none")
    grouped = group_series(dicom)
    series, references = split_references(grouped)
    rules = rules_in_force(settings.series_rules)
    choose = partial(
        choose_series,
        [s.facts for s in series],
        accept_any_t1=settings.accept_any_t1,
        rules=rules,
        refuse_spacing_mm=settings.refuse_spacing_mm,
    )
    checked = check_enhancement(
        series,
        lambda enhancements: choose(enhancements=enhancements),
        any_t1=settings.accept_any_t1,
    )
    findings = StudyFindings(
        study_uid=(*series, *grouped)[0].study_instance_uid,
        series=series,
        choice=checked.choice,
        ensemble_version=ensemble.version,
        settings=settings.result_values(rules.digest),
        warnings=checked.warnings,
    )
    return findings, [*references, *niftis], checked.picture


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
        brain = None if prediction.brain is None else brain_seen(prediction.brain, volume)
        found = _segmentation(prediction, volume, source, lesion_rule(ensemble.rule, settings))
        lesions = identified(found.lesions, source.series_instance_uid, ensemble.version)
        return replace(found, lesions=lesions, brain=brain)


def lesion_rule(shipped: LesionRule, settings: Settings) -> LesionRule:
    """The weights' own rule, with the values that the settings set instead."""
    return replace(
        shipped,
        **{
            name: value
            for name in ("seed_threshold", "grow_threshold", "minimum_volume_mm3")
            if (value := getattr(settings, name)) is not None
        },
    )


def _check_readable(series: Sequence[Series]) -> None:
    """Where no series was chosen, an MR series that cannot be read is a fault: it might have been
    the one to choose.
    """
    for one in series:
        if one.facts.modality == "MR" and one.facts.unreadable:
            raise DicomError(f"{_name(one)}: {one.facts.unreadable}")


def _read(
    findings: StudyFindings, settings: Settings, picture: Pictures | None
) -> tuple[StudyFindings, Volume, SourceSeries]:
    """Read the chosen series, unless `picture` holds it; where it is not a volume, read the next
    eligible one. The findings then say which it is, why another was passed over, and what was odd.

    Raises
    ------
    PatientError
        The eligible series are of several patients.
    InputError
        No eligible series is a volume; the error says what is wrong with the best of them.
    """
    warnings = [*findings.warnings, *_check_patients(findings)]
    eligible = sum(verdict.eligible for verdict in findings.choice.verdicts)
    choice, first = findings.choice, None
    while choice.chosen is not None:
        one = next(s for s in findings.series if s.series_instance_uid == choice.chosen)
        try:
            volume, source = picture or read_series(one.files, parsed=one.parsed)
            thick = check_spacing(
                volume, warn_mm=settings.warn_spacing_mm, refuse_mm=settings.refuse_spacing_mm
            )
        except InputError as error:
            if first is None:
                first = _named(error, one, eligible)
            warnings.append(f"{_name(one)} was to be taken and cannot be: {error}")
            choice, picture = passed_over(choice, str(error)), None
            continue
        said = (*warnings, *source.warnings, *thick)
        return replace(findings, choice=choice, warnings=said), volume, source
    assert first is not None
    raise first from first.__cause__


def _named(error: InputError, series: Series, eligible: int) -> InputError:
    """The error, with the name of the series in its message: a study has dozens."""
    named = type(error)(f"{_name(series)}, the best of {eligible} eligible: {error}")
    named.__cause__ = error
    return named


def _check_patients(findings: StudyFindings) -> list[str]:
    """A warning where series that are not eligible are of another patient.

    Raises
    ------
    PatientError
        The eligible series are of several patients.
    """
    eligible = {one.series_instance_uid for one in findings.choice.verdicts if one.eligible}
    if several(s.patient for s in findings.series if s.series_instance_uid in eligible):
        raise PatientError(
            "one StudyInstanceUID must be of one patient, got series after contrast agent of "
            "several: part them, each with a StudyInstanceUID of its own"
        )
    if several(one.patient for one in findings.series):
        return ["the study holds series of several patients; those to choose from are of one"]
    return []


def _name(series: Series) -> str:
    """What people find a series by, without its UID: messages go to the log."""
    number = series.facts.series_number
    called = "a series without number" if number is None else f"series {number}"
    return f"{called} ({len(series.files)} files)"


def _segmentation(
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
        compute=prediction.compute,
    )


def _disagreement(segmentation: Segmentation) -> list[str]:
    agreed = segmentation.agreement
    if segmentation.lesions and agreed is not None and agreed < LOW_AGREEMENT:
        return [f"the networks agree poorly: agreement {agreed:.2f}"]
    return []
