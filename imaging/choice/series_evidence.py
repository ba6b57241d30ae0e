"""Arguments for and against one series as they are gathered, and what the rest of its study says
about it.
"""

from dataclasses import dataclass, field

from imaging.choice.enhancement import Enhancement
from imaging.choice.rules import SeriesRules
from imaging.choice.study_contrast import StudyContrast
from imaging.words.reasons import Reason

_AGAINST = frozenset(
    {Reason.PLANAR, Reason.THICK_SLICES, Reason.NO_CONTRAST, Reason.BEFORE_CONTRAST}
)


@dataclass(slots=True)
class SeriesEvidence:
    """Arguments for, against and fatal. `doubt` means that nothing certain says whether it was
    taken before or after the agent.
    """

    rules: SeriesRules
    score: float = 0.0
    pro: list[str] = field(default_factory=list)
    contra: list[str] = field(default_factory=list)
    fatal: list[str] = field(default_factory=list)
    doubt: bool = False

    def add(self, reason: Reason, text: str, *, weight: float | None = None) -> None:
        """Add an argument, with the weight of its reason unless another is given."""
        by_rule = self.rules.weight(reason)
        if weight is None and by_rule == "exclude":
            self.exclude(reason, text)
            return
        value = weight if weight is not None else float(by_rule)
        self.score += value
        line = f"{reason} {value:+g}: {text}"
        against = value < 0 or (value == 0 and reason in _AGAINST)
        (self.contra if against else self.pro).append(line)

    def exclude(self, reason: Reason, text: str) -> None:
        """Add an argument that makes the series ineligible, whatever its reason weighs."""
        self.fatal.append(f"{reason}: {text}")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the rest of the study says about one series, and what its picture shows, where it was
    read.
    """

    accept_any_t1: bool
    refuse_spacing_mm: float | None
    study: StudyContrast
    enhancement: Enhancement | None = None
