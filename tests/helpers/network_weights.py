"""Random weights for networks under test, the same on every machine and backend."""

import numpy as np


def fill(model, *, seed):
    """Draw every weight of `model`, including means and variances of the normalisations, so
    that activations keep their size.
    """
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        for weight in layer.weights:
            weight.assign(_draw(rng, weight.name, weight.shape))


def _draw(rng, name, shape):
    if name == "kernel":
        return rng.normal(0.0, np.sqrt(2.0 / np.prod(shape[:-1])), shape).astype(np.float32)
    low, high = (0.5, 1.5) if name in ("gamma", "moving_variance") else (-0.3, 0.3)
    return rng.uniform(low, high, shape).astype(np.float32)
