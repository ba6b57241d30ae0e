"""What counts as a lesion, as numbers. The watcher reads them from the weights card to name the
model version, so nothing heavy is imported here.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FEATURES: Final = (
    "log_volume",
    "max_probability",
    "mean_probability",
    "least_member",
    "brain",
    "brain_around",
    "elongation",
    "flatness",
    "contrast",
)


@dataclass(frozen=True, slots=True)
class CandidateClassifier:
    """A logistic regression on the features of a candidate in three dimensions
    (`imaging.lesions.candidates.features`).

    Parameters
    ----------
    centre, scale, weights
        For each of `FEATURES`: what is subtracted, what it is divided by, and its weight.
    bias
        Log odds of the average candidate.
    least
        A candidate less likely than this to be a lesion is dropped; probability in [0, 1].

    Raises
    ------
    ValueError
        A list has another length than `FEATURES`, or a scale is not above 0.
    """

    centre: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float
    least: float

    def __post_init__(self) -> None:
        for name in ("centre", "scale", "weights"):
            if len(getattr(self, name)) != len(FEATURES):
                raise ValueError(f"{name} must hold {len(FEATURES)} numbers, one for each feature")
        if not all(value > 0 for value in self.scale):
            raise ValueError(f"scale must be above 0, got {self.scale}")

    def probability(self, values: NDArray[np.float64]) -> float:
        """Probability that a candidate with these features, ``(len(FEATURES),)``, is a lesion."""
        odds = self.bias + np.dot((values - self.centre) / np.array(self.scale), self.weights)
        return float(1.0 / (1.0 + np.exp(-np.clip(odds, -50, 50))))


@dataclass(frozen=True, slots=True)
class LesionRule:
    """What counts as a lesion.

    Parameters
    ----------
    seed_threshold
        A lesion holds at least one voxel of at least this probability, (0, 1].
    grow_threshold
        It spreads to connected voxels of at least this probability, (0, seed_threshold].
    minimum_volume_mm3
        Smaller components are dropped.
    minimum_slices
        A lesion shows in at least this many native slices; vessels cut across often show in one.
    minimum_brain
        A lesion has at least this average probability of brain, [0, 1]; checked only when the
        networks report it.
    candidate_classifier
        Judges each candidate that is left; None for no such check.

    Raises
    ------
    ValueError
        A value is out of its range.
    """

    seed_threshold: float = 0.5
    grow_threshold: float = 0.5
    minimum_volume_mm3: float = 20.0
    minimum_slices: int = 2
    minimum_brain: float = 0.0
    candidate_classifier: CandidateClassifier | None = None

    def __post_init__(self) -> None:
        if not 0.0 < self.grow_threshold <= self.seed_threshold <= 1.0:
            raise ValueError(
                "thresholds must satisfy 0 < grow_threshold <= seed_threshold <= 1, got "
                f"grow_threshold {self.grow_threshold}, seed_threshold {self.seed_threshold}"
            )
        if self.minimum_volume_mm3 < 0.0:
            raise ValueError(f"minimum_volume_mm3 must be >= 0, got {self.minimum_volume_mm3}")
        if self.minimum_slices < 1:
            raise ValueError(f"minimum_slices must be >= 1, got {self.minimum_slices}")
        if not 0.0 <= self.minimum_brain <= 1.0:
            raise ValueError(f"minimum_brain must be in [0, 1], got {self.minimum_brain}")
