"""The report of a result as JSON: what ``metseg results`` shows, and how it came about."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from imaging.brain_seen import BrainSeen, brain_entry
from imaging.choice.verdict import Choice, verdict_entry
from imaging.export.artifact import Artifact
from imaging.export.burden import burden
from imaging.lesions.lesion import Dropped, Lesion, dropped_entry, lesion_entry
from imaging.metrics.evaluation import ReferenceEvaluation, RefusedReference, reference_entry
from metseg.compute import Compute, entry
from metseg.notice import RESEARCH_NOTICE

REPORT_VERSION = 1  # grows when a key changes its meaning or goes


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """All that a report says. Lengths are mm, volumes mm3, times s.

    `status` is ``succeeded`` or ``no_series``; without a segmentation `lesions` is empty and the
    measures are None. `settings` must hold no secrets. `run` names the result by our own ids,
    ``study/job-fence-token``, where a database gives them; `made_at` is in words.
    """

    study_uid: str
    series_uid: str | None
    status: str
    model_version: str
    choice: Choice
    lesions: Sequence[Lesion] = ()
    dropped: Sequence[Dropped] = ()
    evaluations: Sequence[ReferenceEvaluation] = ()
    refused_references: Sequence[RefusedReference] = ()
    agreement: float | None = None
    expected_dice: float | None = None
    entropy: float | None = None
    brain: BrainSeen | None = None
    voxel_spacing_mm: tuple[float, float, float] | None = None
    warnings: Sequence[str] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    compute: Compute | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    timings_s: Mapping[str, float] = field(default_factory=dict)
    artifacts: Sequence[Artifact] = ()
    run: str | None = None
    made_at: str | None = None


def report_bytes(report: Mapping[str, Any]) -> bytes:
    """A report of `build_report` as JSON in UTF-8, indented, the same one giving the same bytes.

    Raises
    ------
    ValueError
        A number is not finite: JSON cannot express it.
    """
    text = json.dumps(report, indent=2, allow_nan=False, ensure_ascii=False)
    return (text + "\n").encode()


def build_report(facts: ReportFacts) -> dict[str, Any]:
    """The report as plain values. The keys of ``metseg results --format json`` come first, by the
    same names.
    """
    whole = burden(facts.lesions)
    return {
        "study_uid": facts.study_uid,
        "series_uid": facts.series_uid,
        "status": facts.status,
        "model_version": facts.model_version,
        "n_lesions": whole.n_lesions,
        "total_volume_mm3": whole.total_volume_mm3,
        "dice": facts.evaluations[-1].measures.dice if facts.evaluations else None,
        "agreement": facts.agreement,
        "lesions": [lesion_entry(lesion) for lesion in facts.lesions],
        "artifacts": [asdict(artifact) for artifact in facts.artifacts],
        "report_version": REPORT_VERSION,
        "notice": RESEARCH_NOTICE,
        "run": facts.run,
        "made_at": facts.made_at,
        "expected_dice": facts.expected_dice,
        "entropy": facts.entropy,
        "brain": None if facts.brain is None else brain_entry(facts.brain),
        "voxel_spacing_mm": _listed(facts.voxel_spacing_mm),
        "possible_lesions": whole.possible_lesions,
        "rano_bm": {
            "measurable_lesions": whole.measurable_lesions,
            "sum_of_five_longest_mm": whole.sum_of_five_longest_mm,
        },
        "evaluations": [reference_entry(one) for one in facts.evaluations],
        "refused_references": [asdict(one) for one in facts.refused_references],
        # An empty DICOM SEG is not written, nor is one that METSEG_OUTPUTS does not name.
        "segmentation_written": bool(facts.lesions)
        and any(one.kind == "dicom-seg" for one in facts.artifacts),
        "dropped_candidates": [dropped_entry(one) for one in facts.dropped],
        "series": [verdict_entry(one) for one in facts.choice.verdicts],
        "warnings": list(facts.warnings),
        "versions": dict(facts.versions),
        "compute": entry(facts.compute),
        "settings": dict(facts.settings),
        "timings_s": {name: round(seconds, 3) for name, seconds in facts.timings_s.items()},
    }


def _listed(values: Iterable[float] | None) -> list[float] | None:
    return None if values is None else [float(value) for value in values]
