"""The brain as the networks see it: plain values. `imaging.brain` measures and judges it."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class BrainSeen:
    """The brain as networks see it: the largest connected part.

    `centroid_lps_mm` is (x, y, z), None without a brain. `cut` names the sides of the scan, as
    sides of the patient, beyond which the brain continues. `height_mm` is along the axis closest to
    head and feet. `variation` is the standard deviation of its smoothed values divided by their
    mean above air, None where the brain is too thin to measure; `certainty` is its mean
    probability.
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
