"""Temperature scaling of a network's answer."""

import numpy as np
from numpy.typing import NDArray


def calibrate(probability: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Divide the logits by the temperature (Guo 2017, arXiv 1706.04599). Same shape, in [0, 1]."""
    if temperature == 1.0:
        return probability
    p = np.clip(probability, np.float32(1e-6), np.float32(1.0 - 1e-6))
    # sigmoid(logit(p) / t) without the logarithm's round trip: 1 / (1 + ((1 - p) / p) ** (1 / t)).
    return np.asarray(1.0 / (1.0 + ((1.0 - p) / p) ** np.float32(1.0 / temperature)), np.float32)
