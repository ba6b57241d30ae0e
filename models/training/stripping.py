"""Skull stripping as tools leave it: clean, ragged, or not done."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from models.training import labels as lb
from models.training.fields import Array, Shape, signed_distance_mm, smooth_noise


class Stripping(StrEnum):
    """How much of the skull was removed."""

    NONE = "none"
    CLEAN = "clean"
    RAGGED = "ragged"


def draw_stripping(rng: np.random.Generator) -> Stripping:
    """Half the heads whole, 30 % stripped well, 20 % badly."""
    return Stripping(str(rng.choice(list(Stripping), p=[0.5, 0.3, 0.2])))


def brain_mask(
    labels: NDArray[np.uint16], how: Stripping, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """What the tool leaves standing; everything for `Stripping.NONE`.

    A clean edge lies about 0.5 to 3 mm outside the brain, a ragged one wanders from -3 to +9 mm.
    """
    shape: Shape = (labels.shape[0], labels.shape[1], labels.shape[2])
    if how is Stripping.NONE:
        return np.ones(shape, dtype=bool)
    tissue = lb.is_in(labels, lb.BRAIN + lb.VENTRICLES)
    closed = _close(tissue, 8.0)
    edge = rng.uniform(0.5, 3.0) + 0.5 * smooth_noise(rng, shape, scale_mm=10)
    if how is Stripping.RAGGED:
        edge = rng.uniform(0, 4) + rng.uniform(1, 2.5) * smooth_noise(rng, shape, scale_mm=18)
        edge = np.clip(edge, -3, 9)
    return np.asarray(closed < edge)


def _close(tissue: NDArray[np.bool_], radius_mm: float) -> Array:
    """Signed distance to `tissue` with its sulci filled: grown, then measured back from outside."""
    grown = signed_distance_mm(tissue) < radius_mm
    return np.asarray(signed_distance_mm(grown) + radius_mm, dtype=np.float32)
