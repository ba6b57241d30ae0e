"""Temperature of a member: what its logits are divided by so that probabilities are calibrated."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

# Beyond these the network is broken rather than over-confident.
_BOUNDS = (0.3, 5.0)
_TINY = 1e-6


def fit_temperature(probability: NDArray[np.float32], truth: NDArray[np.bool_]) -> float:
    """The temperature of least cross-entropy, 0.3 to 5 (Guo 2017, arXiv 1706.04599).

    Parameters
    ----------
    probability, truth
        ``(n,)`` voxels of heads that the network was not fitted to, with both classes.

    Raises
    ------
    ValueError
        The shapes differ, or one class is missing.
    """
    if probability.shape != truth.shape:
        raise ValueError(
            f"probability and truth must have one shape, got {probability.shape}, {truth.shape}"
        )
    if not truth.any() or truth.all():
        raise ValueError("truth must hold both classes")
    p = np.clip(probability.astype(np.float64), _TINY, 1.0 - _TINY)
    signed = np.where(truth, 1.0, -1.0) * (np.log(p) - np.log1p(-p))

    def cross_entropy(log_temperature: float) -> float:
        return float(np.logaddexp(0.0, -signed / np.exp(log_temperature)).mean())

    low, high = np.log(_BOUNDS)
    found = minimize_scalar(cross_entropy, bounds=(low, high), method="bounded")
    return float(np.exp(found.x))
