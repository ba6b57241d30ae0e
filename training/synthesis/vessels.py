"""Vessels as random walks: small ones everywhere, thick ones at the base of the brain. They are
bright, and look like lesions in a single slice.
"""

import numpy as np
from numpy.typing import NDArray

from training.synthesis import labels as lb
from training.synthesis.anatomy import GreyLevels
from training.synthesis.fields import Array, blur

STEP_MM = 0.5
SPLATS = 6
AXES = ((1, 2), (0, 2), (0, 1))


def add_vessels(
    image: Array, labels: NDArray[np.uint16], levels: GreyLevels, rng: np.random.Generator
) -> Array:
    """Draw vessels into `image`, in place; returns how much of each voxel they fill.

    80 to 600 small ones, about 1 mm wide, which start at the cortex, and up to 16 of 1.5 to 4 mm in
    the cisterns below the brain's middle.
    """
    count = int(np.exp(rng.uniform(np.log(80), np.log(600))))
    fluid = lb.is_in(labels, lb.CSF)
    cortex = lb.is_in(labels, lb.CORTEX + lb.CEREBELLAR_GREY)
    attraction = blur(fluid.astype(np.float32), 1.5)
    candidates = np.flatnonzero(cortex & (attraction > 0.15))
    if candidates.size == 0:
        return np.zeros(image.shape, dtype=np.float32)
    width = np.minimum(rng.lognormal(np.log(rng.uniform(0.75, 1.15)), 0.4, count), 2.4)
    filled = _tubes(rng.choice(candidates, count), width, attraction, rng)
    basal = _basal(fluid, cortex)
    if basal.size:
        thick = rng.uniform(1.5, 4.0, int(rng.integers(0, 17)))
        filled += _tubes(rng.choice(basal, len(thick)), thick, attraction, rng)
    filled = np.minimum(filled, 1) * lb.is_in(labels, lb.BRAIN + lb.CSF)
    if levels.black_blood:
        blood = rng.uniform(0.3, 0.9)
    else:
        blood = levels.enhancement * rng.uniform(0.9, 1.6)
    image += filled * (blood - image)
    return filled


def _basal(fluid: NDArray[np.bool_], cortex: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Fluid below the middle of the cortex and within 35 mm of its axis, as flat indices."""
    z, y, x = (float(np.flatnonzero(cortex.any(axis=axes)).mean()) for axes in AXES)
    found = np.flatnonzero(fluid)
    at = np.unravel_index(found, fluid.shape)
    inside = (at[0] < z - 5) & (np.hypot(at[1] - y, at[2] - x) < 35)
    return np.asarray(found[inside], dtype=np.int64)


def _tubes(
    starts: NDArray[np.int64],
    width_mm: NDArray[np.float64],
    attraction: Array,
    rng: np.random.Generator,
) -> Array:
    """Share of each voxel that walks from `starts`, flat indices, of these widths fill."""
    if not len(starts):
        return np.zeros(attraction.shape, dtype=np.float32)
    begin = np.stack(np.unravel_index(starts, attraction.shape), axis=1).astype(np.float32)
    paths, radii = _walk(begin, width_mm, attraction, rng)
    return _splat(paths, radii, attraction.shape, rng)


def _walk(
    starts: NDArray[np.float32],
    width_mm: NDArray[np.float64],
    attraction: Array,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Walks ``(steps, n, 3)`` in voxels and the radius of each point ``(steps, n)`` in mm."""
    count = len(starts)
    steps = int(rng.integers(60, 140))
    # Two thirds keep to the sulci, one crosses the tissue towards the ventricles (medullary veins).
    pull = np.where(rng.random(count) < 0.65, 3.0, 0.0)[:, None]
    heading = rng.standard_normal((count, 3))
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    position = starts.astype(np.float64)
    paths = np.empty((steps, count, 3), dtype=np.float32)
    limit = np.array(attraction.shape) - 1
    for step in range(steps):
        options = heading[:, None] + 0.35 * rng.standard_normal((count, 4, 3))
        options /= np.linalg.norm(options, axis=2, keepdims=True)
        ahead = np.clip(np.rint(position[:, None] + 2 * options).astype(int), 0, limit)
        score = pull * attraction[ahead[..., 0], ahead[..., 1], ahead[..., 2]]
        best = np.argmax(score + 0.3 * rng.random(score.shape), axis=1)
        heading = options[np.arange(count), best]
        position = np.clip(position + STEP_MM * heading, 0, limit)
        paths[step] = position
    alive = np.arange(steps)[:, None] < rng.integers(20, steps + 1, count)[None]
    taper = np.linspace(1.0, 0.7, steps)[:, None]
    return paths, np.asarray(alive * taper * width_mm[None] / 2, dtype=np.float32)


def _splat(
    paths: NDArray[np.float32],
    radii: NDArray[np.float32],
    shape: tuple[int, ...],
    rng: np.random.Generator,
) -> Array:
    """Volume share of the voxels filled by the tubes, in [0, 1], by trilinear deposits."""
    points = paths.reshape(-1, 1, 3)
    radius = radii.reshape(-1, 1)
    offset = rng.uniform(-1, 1, (len(points), SPLATS, 3)) * radius[..., None] * 0.85
    where = np.clip(points + offset, 0, np.array(shape) - 1.001).reshape(-1, 3)
    volume = np.repeat(np.pi * radius**2 * STEP_MM / SPLATS, SPLATS, axis=1).reshape(-1)
    base = np.floor(where).astype(np.int64)
    rest = where - base
    total = np.zeros(int(np.prod(shape)), dtype=np.float64)
    for corner in np.ndindex(2, 2, 2):
        share = np.prod(np.where(corner, rest, 1 - rest), axis=1)
        index = np.ravel_multi_index(tuple((base + corner).T), shape)
        total += np.bincount(index, weights=volume * share, minlength=total.size)
    return np.clip(total.reshape(shape), 0, 1).astype(np.float32)
