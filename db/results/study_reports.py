"""A study's report in parts: what `db.results.results` reads, as users have it."""

from dataclasses import asdict, dataclass
from typing import Any

from imaging.choice.verdict import SeriesVerdict, verdict_entry
from imaging.export.artifact import Artifact
from imaging.lesions.lesion import Lesion, lesion_entry
from imaging.metrics.evaluation import ReferenceEvaluation, RefusedReference, reference_entry


@dataclass(frozen=True, slots=True)
class SentReport:
    """One file of the result on its way to another DICOM application."""

    kind: str
    destination: str
    state: str
    """pending, sending, sent or failed."""
    sop_instance_uid: str | None
    error_code: str | None
    error_message: str | None


@dataclass(frozen=True, slots=True)
class StudyReport:
    """A study's current result, or its newest job when that has none. The names are public."""

    study_uid: str
    series_uid: str | None
    status: str
    """succeeded, no_series, failed, pending or running."""
    error_code: str | None
    model_version: str
    n_lesions: int | None = None
    total_volume_mm3: float | None = None
    dice: float | None = None
    """Against a real reference; None without one."""
    agreement: float | None = None
    lesions: tuple[Lesion, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    error_message: str | None = None
    warnings: tuple[str, ...] = ()
    series: tuple[SeriesVerdict, ...] = ()
    evaluations: tuple[ReferenceEvaluation, ...] = ()
    """One for each reference; `dice` is that of the last."""
    job_id: int = 0
    revision: int = 0
    result_id: int | None = None
    brain_volume_ml: float | None = None
    """Of the brain as the networks see it; None where no network sees one."""
    pushes: tuple[SentReport, ...] = ()
    study_id: int = 0
    """Our own number of the study: lines of `metseg run` call it by this."""
    refused_references: tuple[RefusedReference, ...] = ()


def report_entry(report: StudyReport) -> dict[str, Any]:
    """A study's report as plain values, for JSON. The names are public."""
    return asdict(report) | {
        "lesions": [lesion_entry(one) for one in report.lesions],
        "series": [verdict_entry(one) for one in report.series],
        "evaluations": [reference_entry(one) for one in report.evaluations],
    }
