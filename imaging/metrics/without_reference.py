"""What can be said about a segmentation without a reference. No measure here is called Dice."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from imaging.metrics.overlap import Mask, dice

MEMBER_THRESHOLD = 0.5
UNCERTAIN_FROM = 0.05  # voxels below are background for all purposes and would drown the mean


def agreement(members: Mapping[str, NDArray[np.float32]]) -> float | None:
    """Mean overlap of the members' masks, over all pairs; 1 where all are empty, None for less than
    two members.

    The masks are the probabilities ``(Z, H, W)`` at or above 0.5. The formula is that of Dice; the
    name is not, because there is no reference.
    """
    masks = [member >= MEMBER_THRESHOLD for member in members.values()]
    pairs = [dice(a, b) for a, b in combinations(masks, 2)]
    return float(np.mean(pairs)) if pairs else None


def expected_dice(mean: NDArray[np.float32], mask: Mask) -> float | None:
    """The Dice that calibrated probabilities predict for the mask: ``2 sum(p in mask) / (|mask| +
    sum(p))``.

    `mean` is ``(Z, H, W)`` in [0, 1]. None for an empty mask, for which they predict nothing.
    """
    voxels = int(np.count_nonzero(mask))
    if voxels == 0:
        return None
    inside = float(mean[mask].sum(dtype=np.float64))
    return 2.0 * inside / (voxels + float(mean.sum(dtype=np.float64)))


def entropy(mean: NDArray[np.float32]) -> float:
    """Mean binary entropy in bits, [0, 1], over the voxels of probability 0.05 or more; 0 where
    there is none.
    """
    p = mean[mean >= UNCERTAIN_FROM].astype(np.float64)
    if p.size == 0:
        return 0.0
    q = np.clip(p, 1e-12, 1.0 - 1e-12)
    return float(-(q * np.log2(q) + (1.0 - q) * np.log2(1.0 - q)).mean())
