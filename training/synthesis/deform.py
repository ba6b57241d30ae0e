"""Deforming a label map into another head: flip, affine and elastic."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from training.synthesis.fields import Shape, smooth_noise
from training.synthesis.labels import BRAIN, is_in


def crop_to_head(
    labels: NDArray[np.uint16], *, below_mm: int, margin_mm: int = 6
) -> NDArray[np.uint16]:
    """Cut away air, and everything more than `below_mm` under the brain."""
    lowest = int(np.flatnonzero(is_in(labels, BRAIN).any(axis=(1, 2)))[0])
    kept = labels[max(0, lowest - below_mm) :]
    # A head holds thousands of voxels in a plane; scattered specks of the map do not count.
    box = [np.flatnonzero((kept > 0).sum(axis=axes) > 40) for axes in ((1, 2), (0, 2), (0, 1))]
    cut = tuple(slice(max(0, int(b[0]) - margin_mm), int(b[-1]) + 1 + margin_mm) for b in box)
    return np.ascontiguousarray(kept[cut])


def deform(labels: NDArray[np.uint16], rng: np.random.Generator) -> NDArray[np.uint16]:
    """Flip left-right half the time, turn up to 12 degrees, scale 0.9 to 1.1, bend by a few mm."""
    if rng.random() < 0.5:
        labels = labels[:, :, ::-1]
    shape: Shape = (labels.shape[0], labels.shape[1], labels.shape[2])
    angles = np.clip(rng.normal(0, 5, 3), -12, 12)
    turn = Rotation.from_euler("zyx", angles, degrees=True).as_matrix()
    matrix = turn @ np.diag(rng.uniform(0.91, 1.1) * rng.uniform(0.96, 1.04, 3))
    strength = rng.uniform(0.5, 2.5)
    grid = np.meshgrid(
        *(np.arange(n, dtype=np.float32) - (n - 1) / 2 for n in shape), indexing="ij"
    )
    coordinates = np.empty((3, *shape), dtype=np.float32)
    for axis in range(3):
        row = matrix[axis].astype(np.float32)
        moved = row[0] * grid[0] + row[1] * grid[1] + row[2] * grid[2] + (shape[axis] - 1) / 2
        coordinates[axis] = moved + strength * smooth_noise(
            rng, shape, scale_mm=rng.uniform(18, 45)
        )
    return np.asarray(ndimage.map_coordinates(labels, coordinates, order=0, mode="constant"))
