"""The whole burden of lesions in the words of RANO-BM."""

from collections.abc import Sequence
from dataclasses import dataclass

from imaging.lesions.lesion import Lesion

MOST_TARGETS = 5  # RANO-BM sums up to five target lesions (Lin 2015, Lancet Oncol 16:e270)


@dataclass(frozen=True, slots=True)
class Burden:
    """How many lesions there are, how many of them are only possible, their total volume, how many
    are measurable, and the sum of the five longest diameters.
    """

    n_lesions: int
    possible_lesions: int
    total_volume_mm3: float
    measurable_lesions: int
    sum_of_five_longest_mm: float


def burden(lesions: Sequence[Lesion]) -> Burden:
    """Add up lesions; all zero without any."""
    longest = sorted((one.longest_diameter_mm for one in lesions), reverse=True)
    return Burden(
        n_lesions=len(lesions),
        possible_lesions=sum(one.possible for one in lesions),
        total_volume_mm3=float(sum(one.volume_mm3 for one in lesions)),
        measurable_lesions=sum(one.measurable for one in lesions),
        sum_of_five_longest_mm=float(sum(longest[:MOST_TARGETS])),
    )
