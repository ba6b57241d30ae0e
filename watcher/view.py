"""What the watcher is doing, for people: `metseg run` shows it."""

import hashlib
from dataclasses import dataclass

from db.intake.intake import IntakeOutcome


@dataclass(slots=True)
class Tally:
    """What was done since the start: studies taken in or known already, files refused."""

    taken_in: int = 0
    known: int = 0
    refused: int = 0

    def count(self, outcome: IntakeOutcome) -> None:
        """Count a study."""
        self.known += outcome.known
        self.taken_in += not outcome.known


@dataclass(frozen=True, slots=True)
class StudyView:
    """A study that waits. `label` is a short hash: the study has no id yet."""

    label: str
    n_files: int
    seconds_left: float
    why: str


@dataclass(frozen=True, slots=True)
class WatcherView:
    """One moment of the watcher. The counts of `taken_in` to `refused` are since its start."""

    files_waiting: int = 0
    studies_waiting: tuple[StudyView, ...] = ()
    taken_in: int = 0
    """Studies, new revisions included."""
    known: int = 0
    """Studies that had arrived before with exactly these bytes."""
    refused: int = 0
    """Files that are quarantined."""
    paused_reason: str | None = None


def study_label(study_instance_uid: str) -> str:
    """Eight characters that stand for a study where a UID must not be."""
    return hashlib.sha256(study_instance_uid.encode()).hexdigest()[:8]
