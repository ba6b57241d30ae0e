"""Smooth random fields and cheap filters, the building blocks of the synthesis."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Shape = tuple[int, int, int]
Array = NDArray[np.float32]


def upsample(coarse: Array, shape: Shape) -> Array:
    """Linear enlargement of a coarse ``(z, h, w)`` field to `shape`, corners aligned by centre."""
    depth, height, width = shape
    planes = np.stack([cv2.resize(p, (width, height)) for p in coarse.astype(np.float32)])
    position = np.clip((np.arange(depth) + 0.5) * len(planes) / depth - 0.5, 0, len(planes) - 1)
    low = np.floor(position).astype(int)
    high = np.minimum(low + 1, len(planes) - 1)
    weight = (position - low).astype(np.float32)[:, None, None]
    return np.asarray(planes[low] * (1 - weight) + planes[high] * weight, dtype=np.float32)


def smooth_noise(rng: np.random.Generator, shape: Shape, *, scale_mm: float) -> Array:
    """Gaussian noise that varies over about `scale_mm` voxels; mean near 0, deviation 1."""
    coarse = tuple(max(2, round(n / scale_mm) + 1) for n in shape)
    field = upsample(rng.standard_normal(coarse).astype(np.float32), shape)
    return np.asarray(field / max(float(field.std()), 1e-6), dtype=np.float32)


def blur(voxels: Array, sigma: float | tuple[float, float, float]) -> Array:
    """Gaussian blur, cut at three deviations."""
    return np.asarray(ndimage.gaussian_filter(voxels, sigma, truncate=3.0, mode="nearest"))


def distance_mm(mask: NDArray[np.bool_]) -> Array:
    """Distance to `mask` (zero inside), computed on a 2 mm grid and brought back: good to 1 mm."""
    half = mask[::2, ::2, ::2]
    if not half.any():
        return np.full(mask.shape, 1e3, dtype=np.float32)
    coarse = ndimage.distance_transform_edt(~half).astype(np.float32) * 2.0
    shape: Shape = (mask.shape[0], mask.shape[1], mask.shape[2])
    return upsample(coarse, shape)


def signed_distance_mm(mask: NDArray[np.bool_]) -> Array:
    """Negative inside `mask`, positive outside, in mm; good to 1 mm."""
    return distance_mm(mask) - distance_mm(~mask)
