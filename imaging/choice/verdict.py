"""What speaks for and against a series, and which is taken: plain values, the same wherever they
are shown or kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SeriesVerdict:
    """What speaks for and against one series, each reason as ``name weight: text``.

    `words` are code words that were recognised in the description, never its text. A reason
    without a weight makes the series ineligible. `doubt`: nothing certain says whether the series
    was taken after contrast agent, and its picture may show it.
    """

    series_instance_uid: str
    modality: str
    n_instances: int
    chosen: bool
    eligible: bool
    score: float
    words: str = ""
    reasons_for: tuple[str, ...] = ()
    reasons_against: tuple[str, ...] = ()
    doubt: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """A verdict on each series of a study, best first."""

    verdicts: tuple[SeriesVerdict, ...]

    @property
    def chosen(self) -> str | None:
        """SeriesInstanceUID of the series that is taken; None where no series is suitable."""
        return next((one.series_instance_uid for one in self.verdicts if one.chosen), None)


def verdict_entry(verdict: SeriesVerdict) -> Mapping[str, Any]:
    """One verdict as plain values, for JSON."""
    return {
        "series_uid": verdict.series_instance_uid,
        "chosen": verdict.chosen,
        "eligible": verdict.eligible,
        "score": verdict.score,
        "modality": verdict.modality,
        "n_instances": verdict.n_instances,
        "words": verdict.words,
        "reasons_for": list(verdict.reasons_for),
        "reasons_against": list(verdict.reasons_against),
    }
