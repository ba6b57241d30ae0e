"""Skull stripping as tools leave it: clean, ragged, or not done."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from training.synthesis import labels as lb
from training.synthesis.fields import Array, Shape, signed_distance_mm, smooth_noise


class Stripping(StrEnum):
    """How much of the skull was removed."""

    NONE = "none"
    CLEAN = "clean"
    RAGGED = "ragged"


def draw_stripping(rng: np.random.Generator) -> Stripping:
    """Half the heads whole, 30 % stripped well, 20 % badly."""
    return Stripping(str(rng.choice(list(Stripping), p=[0.5, 0.3, 0.2])))


def depth_mm(labels: NDArray[np.uint16]) -> Array:
    """Signed distance in mm to the brain with its sulci filled, negative inside; same shape."""
    return _close(lb.is_in(labels, lb.BRAIN + lb.VENTRICLES), 8.0)


def left_standing(depth: Array, how: Stripping, rng: np.random.Generator) -> NDArray[np.bool_]:
    """What the tool leaves of a head, `depth` being `depth_mm`; all for `Stripping.NONE`.

    A clean edge lies about 0.5 to 3 mm outside the brain, a ragged one wanders from -3 to +9 mm.
    """
    shape: Shape = (depth.shape[0], depth.shape[1], depth.shape[2])
    if how is Stripping.NONE:
        return np.ones(shape, dtype=bool)
    edge = rng.uniform(0.5, 3.0) + 0.5 * smooth_noise(rng, shape, scale_mm=10)
    if how is Stripping.RAGGED:
        edge = rng.uniform(0, 4) + rng.uniform(1, 2.5) * smooth_noise(rng, shape, scale_mm=18)
        edge = np.clip(edge, -3, 9)
        left = smooth_noise(rng, shape, scale_mm=22) > 1.3
        edge = edge + left * rng.uniform(2, 8)
    return np.asarray(depth < edge)


def _close(tissue: NDArray[np.bool_], radius_mm: float) -> Array:
    """Signed distance to `tissue` with its sulci filled: grown, then measured back from outside."""
    grown = signed_distance_mm(tissue) < radius_mm
    return np.asarray(signed_distance_mm(grown) + radius_mm, dtype=np.float32)
