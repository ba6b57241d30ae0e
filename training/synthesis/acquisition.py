"""What the scanner does to a head: blur, shading, thick slices, ghosts, noise, display curve."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training.synthesis.fields import Array, Shape, blur, smooth_noise


@dataclass(frozen=True, slots=True)
class Protocol:
    """One scan: thickness in mm along `axis`, noise relative to white matter."""

    blur_mm: tuple[float, float, float]
    shading: float
    thickness_mm: float
    axis: int
    noise: float
    ghost: float
    gamma: float


def draw_protocol(rng: np.random.Generator) -> Protocol:
    """Draw a protocol: 45 % are 1 mm scans, the others 1.2 to 5 mm thick, mostly axial."""
    thin = rng.random() < 0.45
    base = rng.uniform(0.35, 0.75)
    return Protocol(
        blur_mm=(base, base * rng.uniform(0.8, 1.3), base * rng.uniform(0.8, 1.3)),
        shading=float(rng.uniform(0.0, 0.22)),
        thickness_mm=1.0 if thin else float(1.2 + 3.8 * rng.beta(1.2, 2.2)),
        axis=0 if rng.random() < 0.75 else int(rng.integers(1, 3)),
        noise=float(rng.uniform(0.004, 0.05)),
        ghost=float(rng.uniform(0.01, 0.05)) if rng.random() < 0.15 else 0.0,
        gamma=float(np.exp(rng.normal(0, 0.15))),
    )


def acquire(image: Array, protocol: Protocol, rng: np.random.Generator) -> Array:
    """Scan `image` (white matter about 1, air 0) on the same grid; the result is not negative."""
    shape: Shape = (image.shape[0], image.shape[1], image.shape[2])
    seen = blur(image, protocol.blur_mm)
    seen *= np.exp(protocol.shading * smooth_noise(rng, shape, scale_mm=max(shape) / 3))
    if protocol.ghost:
        shift = int(rng.integers(shape[1] // 4, shape[1] // 2))
        seen += protocol.ghost * np.roll(seen, shift, axis=1)
    noise = protocol.noise * rng.standard_normal((2, *shape), dtype=np.float32)
    seen = np.hypot(seen + noise[0], noise[1])
    seen = thicken(seen, protocol.thickness_mm, protocol.axis)
    if protocol.gamma != 1.0:
        top = float(np.percentile(seen[::2, ::2, ::2], 99.8))
        seen = top * np.power(seen / top, protocol.gamma)
    return np.asarray(seen, dtype=np.float32)


def thicken(voxels: Array, thickness_mm: float, axis: int) -> Array:
    """Average over slices of `thickness_mm` along `axis`, then back to 1 mm, linearly."""
    if thickness_mm <= 1.0:
        return voxels
    moved = np.moveaxis(voxels, axis, 0)
    depth = moved.shape[0]
    count = max(2, round(depth / thickness_mm))
    flat = np.ascontiguousarray(moved).reshape(depth, -1)
    total = np.vstack(
        [np.zeros((1, flat.shape[1]), np.float32), np.cumsum(flat, axis=0, dtype=np.float32)]
    )
    edges = np.linspace(0, depth, count + 1)
    low = np.floor(edges).astype(int)
    rest = (edges - low).astype(np.float32)[:, None]
    at_edge = total[low] + rest * (total[np.minimum(low + 1, depth)] - total[low])
    thick = np.diff(at_edge, axis=0) * (count / depth)
    position = np.clip((np.arange(depth) + 0.5) * count / depth - 0.5, 0, count - 1)
    first = np.floor(position).astype(int)
    weight = (position - first).astype(np.float32)[:, None]
    back = thick[first] * (1 - weight) + thick[np.minimum(first + 1, count - 1)] * weight
    return np.ascontiguousarray(np.moveaxis(back.reshape(moved.shape), 0, axis), dtype=np.float32)


def acquire_mask(
    core: Array, numbers: NDArray[np.uint16], protocol: Protocol
) -> NDArray[np.uint16]:
    """Lesion numbers as a reader would outline them on the thick slices.

    A voxel belongs to a lesion when 40 % of it does after averaging. A lesion that thick slices
    wash out keeps the voxels it was drawn in.
    """
    if protocol.thickness_mm <= 1.0:
        return numbers
    share = thicken(core, protocol.thickness_mm, protocol.axis)
    reach = [1, 1, 1]
    reach[protocol.axis] = 2 * round(protocol.thickness_mm) + 1
    spread = ndimage.maximum_filter(numbers, size=reach)
    seen = np.where(share >= 0.4, spread, 0).astype(np.uint16)
    lost = np.setdiff1d(np.unique(numbers), np.unique(seen))
    kept = np.isin(numbers, lost[lost > 0]) & (seen == 0)
    seen[kept] = numbers[kept]
    return seen
