"""Learning rate and averaging by the share of the budget that is used up."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schedule:
    """Linear warm-up, then a cosine from `peak` to `floor`.

    Parameters
    ----------
    warm_up
        Share of the whole, 0 to below 1.
    """

    peak: float = 1e-3
    floor: float = 1e-5
    warm_up: float = 0.03

    def rate(self, share: float) -> float:
        """Learning rate when `share` of the budget, 0 to 1, is used up."""
        share = min(1.0, max(0.0, share))
        if share < self.warm_up:
            return self.floor + (self.peak - self.floor) * share / self.warm_up
        along = (share - self.warm_up) / (1.0 - self.warm_up)
        return self.floor + (self.peak - self.floor) * 0.5 * (1.0 + math.cos(math.pi * along))


def average_decay(step: int, *, longest: float = 0.995) -> float:
    """Decay of the moving average of weights: short memory in the beginning, `longest` later."""
    return min(longest, (1.0 + step) / (10.0 + step))
