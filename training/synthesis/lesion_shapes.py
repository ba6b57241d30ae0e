"""Lesion shapes: ellipsoids with rough surfaces, and large ragged ones of several lobes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from training.synthesis.fields import Array, smooth_noise


@dataclass(frozen=True, slots=True, eq=False)
class Shape3D:
    """Signed distance in mm (negative inside) on a box of voxels with its corner in the head."""

    corner: tuple[int, int, int]
    distance: Array

    def box(self) -> tuple[slice, slice, slice]:
        """Slices of the head array that the box covers."""
        z, y, x = (slice(c, c + n) for c, n in zip(self.corner, self.distance.shape, strict=True))
        return z, y, x


def draw_shape(
    centre: NDArray[np.float64],
    diameter_mm: float,
    head_shape: tuple[int, ...],
    rng: np.random.Generator,
    *,
    margin_mm: float,
    ragged: bool = False,
) -> Shape3D:
    """Draw a lesion of about the volume of a ball of `diameter_mm`, with `margin_mm` around it.

    `centre` is in voxels and may fall between them; the box is cut at the edge of the head array.
    """
    radius = diameter_mm / 2
    reach = 1.7 * radius + margin_mm + 2
    low = np.maximum(np.floor(centre - reach), 0).astype(int)
    high = np.minimum(np.ceil(centre + reach) + 1, head_shape).astype(int)
    axes = [
        np.arange(a, b, dtype=np.float32) - c for a, b, c in zip(low, high, centre, strict=True)
    ]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).astype(np.float32)
    distance = _ellipsoid(grid, radius, rng)
    if ragged:
        for _ in range(int(rng.integers(1, 4))):
            shift = rng.standard_normal(3)
            shift *= rng.uniform(0.4, 0.9) * radius / np.linalg.norm(shift)
            lobe = _ellipsoid(grid - shift.astype(np.float32), radius * rng.uniform(0.35, 0.7), rng)
            distance = np.minimum(distance, lobe)
    shape = distance.shape
    coarse = smooth_noise(rng, shape, scale_mm=max(2.0, 0.7 * radius))
    distance += (0.16 if ragged else 0.10) * radius * coarse
    fine = smooth_noise(rng, shape, scale_mm=max(1.5, 0.3 * radius))
    distance += 0.05 * radius * fine
    corner = (int(low[0]), int(low[1]), int(low[2]))
    return Shape3D(corner, distance.astype(np.float32))


def _ellipsoid(grid: NDArray[np.float32], radius: float, rng: np.random.Generator) -> Array:
    stretch = np.exp(rng.normal(0, 0.16, 3))
    stretch /= np.cbrt(np.prod(stretch))
    turn = Rotation.random(random_state=rng).as_matrix()
    local = grid @ (turn / (radius * stretch)).astype(np.float32)
    length = np.linalg.norm(local, axis=-1)
    return np.asarray((length - 1) * radius, dtype=np.float32)


def share_inside(distance: Array, *, edge_mm: float = 1.0) -> Array:
    """Share of each voxel inside the surface, in [0, 1]; the ramp is `edge_mm` wide."""
    return np.asarray(np.clip(0.5 - distance / edge_mm, 0, 1), dtype=np.float32)
