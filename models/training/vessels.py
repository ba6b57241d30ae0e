"""Small vessels as random walks: bright, thin, and like lesions in a single slice."""

import numpy as np
from numpy.typing import NDArray

from models.training import labels as lb
from models.training.anatomy import Look
from models.training.fields import Array, blur

STEP_MM = 0.5
SPLATS = 6


def add_vessels(
    image: Array, labels: NDArray[np.uint16], look: Look, rng: np.random.Generator
) -> Array:
    """Draw 40 to 220 vessels into `image`, in place; returns how much of each voxel they fill."""
    count = int(rng.integers(40, 220))
    fluid = lb.is_in(labels, lb.CSF)
    cortex = lb.is_in(labels, lb.CORTEX + lb.CEREBELLAR_GREY)
    attraction = blur(fluid.astype(np.float32), 1.5)
    candidates = np.flatnonzero(cortex & (attraction > 0.15))
    if candidates.size == 0:
        return np.zeros(image.shape, dtype=np.float32)
    starts = np.stack(np.unravel_index(rng.choice(candidates, count), image.shape), axis=1)
    paths, radii = _walk(starts.astype(np.float32), attraction, rng)
    filled = _splat(paths, radii, image.shape, rng)
    filled *= lb.is_in(labels, lb.BRAIN + lb.CSF)
    blood = rng.uniform(0.3, 0.9) if look.black_blood else look.enhancement * rng.uniform(0.9, 1.3)
    image += filled * (blood - image)
    return filled


def _walk(
    starts: NDArray[np.float32], attraction: Array, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Walks ``(steps, n, 3)`` in voxels and the radius of each point ``(steps, n)`` in mm."""
    count = len(starts)
    steps = int(rng.integers(60, 140))
    # Half keep to the sulci, half cross the tissue towards the ventricles (medullary veins).
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
    width = np.minimum(rng.lognormal(np.log(0.75), 0.4, count), 1.8)
    taper = np.linspace(1.0, 0.7, steps)[:, None]
    return paths, np.asarray(alive * taper * width[None] / 2, dtype=np.float32)


def _splat(
    paths: NDArray[np.float32],
    radii: NDArray[np.float32],
    shape: tuple[int, ...],
    rng: np.random.Generator,
) -> Array:
    """Volume share of the voxels filled by the tubes, in [0, 1], by trilinear deposits."""
    points = paths.reshape(-1, 1, 3)
    radius = radii.reshape(-1, 1)
    offset = rng.uniform(-1, 1, (len(points), SPLATS, 3)) * radius[..., None]
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
