"""How many lesions were found, by their size."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

DIAMETER_EDGES_MM = (3.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class DiameterBin:
    """Reference lesions of an equivalent diameter from `from_mm` to below `below_mm` (None: no
    upper end), and how many of them were found.
    """

    from_mm: float
    below_mm: float | None
    found: int = 0
    lesions: int = 0

    @property
    def name(self) -> str:
        """``<3``, ``3-5``, ``5-10``, ``>=10``."""
        if self.below_mm is None:
            return f">={self.from_mm:g}"
        return f"{self.from_mm:g}-{self.below_mm:g}" if self.from_mm else f"<{self.below_mm:g}"

    @property
    def sensitivity(self) -> float | None:
        """Found lesions divided by all; None where there is no lesion of this size."""
        return self.found / self.lesions if self.lesions else None

    def holds(self, diameter_mm: float) -> bool:
        """Whether a lesion of this diameter belongs here."""
        return self.from_mm <= diameter_mm and (
            self.below_mm is None or diameter_mm < self.below_mm
        )


def equivalent_diameter_mm(volume_mm3: float) -> float:
    """Diameter of the ball of a volume."""
    return math.cbrt(6.0 * volume_mm3 / math.pi)


def by_diameter(lesions: Iterable[tuple[float, bool]]) -> tuple[DiameterBin, ...]:
    """Count lesions, each its diameter in mm and whether it was found. Smallest bin first."""
    starts, ends = (0.0, *DIAMETER_EDGES_MM), (*DIAMETER_EDGES_MM, None)
    bins = [DiameterBin(low, high) for low, high in zip(starts, ends, strict=True)]
    for diameter_mm, found in lesions:
        for index, one in enumerate(bins):
            if one.holds(diameter_mm):
                bins[index] = replace(one, found=one.found + found, lesions=one.lesions + 1)
    return tuple(bins)


def pooled(all_bins: Iterable[tuple[DiameterBin, ...]]) -> tuple[DiameterBin, ...]:
    """Sum of the counts of several cases, bin by bin."""
    sums = by_diameter(())
    for bins in all_bins:
        sums = tuple(
            replace(one, found=one.found + more.found, lesions=one.lesions + more.lesions)
            for one, more in zip(sums, bins, strict=True)
        )
    return sums
