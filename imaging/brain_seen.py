"""The brain as the networks see it: plain values. `imaging.brain` measures and judges it."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class BrainSeen:
    """The brain as networks see it: the largest connected part.

    `centroid_lps_mm` is (x, y, z), None where there is none. `cut` names the sides of the scan,
    as the patient's, at which it goes on. `height_mm` is along the axis closest to head and feet.
    `variation` is the deviation of its smoothed values by their mean above air, None where it is
    too thin to measure; `certainty` is its mean probability.
    """

    volume_ml: float
    centroid_lps_mm: tuple[float, float, float] | None
    cut: tuple[str, ...]
    height_mm: float
    variation: float | None
    certainty: float


def brain_entry(brain: BrainSeen) -> dict[str, Any]:
    """The brain as plain values, for JSON; the centroid is LPS mm."""
    centroid = brain.centroid_lps_mm
    return asdict(brain) | {
        "centroid_lps_mm": None if centroid is None else list(centroid),
        "cut": list(brain.cut),
    }
