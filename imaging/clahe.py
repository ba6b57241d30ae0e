"""Local contrast of slices: contrast-limited adaptive histogram equalisation."""

import cv2
import numpy as np
from numpy.typing import NDArray

# With fewer pixels per tile, 256 bins cut at max(1, int(limit * pixels / bins)) make the limit
# meaningless.
MINIMUM_TILE_PIXELS = 256
_LEVELS = 255.0


def enhance_contrast(
    voxels: NDArray[np.float32],
    *,
    clip_limit: float,
    tile_mm: float,
    spacing_mm: float = 1.0,
    value_range: tuple[float, float] | None = None,
) -> NDArray[np.float32]:
    """Equalise local contrast slice by slice (CLAHE) on 8-bit copies of the slices.

    Parameters
    ----------
    voxels
        ``(Z, H, W)``, any finite range. Not changed.
    clip_limit
        Greater than 0; the slope of the mapping is at most about this.
    tile_mm
        Wanted edge of a tile in mm; tiles are made larger where they would hold fewer than 256
        pixels.
    spacing_mm
        In-plane distance between pixel centres.
    value_range
        Values that become 0 and 255, by default the least and the greatest of ``voxels``. Give them
        when a few slices of a head are equalised on their own.

    Returns
    -------
    ``(Z, H, W)`` float32 in [0, 1].

    Raises
    ------
    ValueError
        `voxels` is not three-dimensional, or a setting is not positive.

    References
    ----------
    Zuiderveld K. Contrast limited adaptive histogram equalization. Graphics Gems IV, 1994.
    """
    if voxels.ndim != 3:
        raise ValueError(f"voxels must be (Z, H, W), got shape {voxels.shape}")
    _check_positive(clip_limit=clip_limit, tile_mm=tile_mm, spacing_mm=spacing_mm)
    low, high = value_range or (float(voxels.min()), float(voxels.max()))
    if not high > low:
        return np.zeros(voxels.shape, dtype=np.float32)
    scaled = np.clip((voxels - low) * (_LEVELS / (high - low)), 0.0, _LEVELS)
    eight_bit = np.ascontiguousarray(np.rint(scaled), dtype=np.uint8)
    rows, columns = tile_grid(voxels.shape[1:], tile_mm=tile_mm, spacing_mm=spacing_mm)
    # OpenCV refuses float32, ignores the limit on 16 bits, and wants (columns, rows).
    equaliser = cv2.createCLAHE(clipLimit=clip_limit, tileGridSize=(columns, rows))
    enhanced = np.empty(voxels.shape, dtype=np.float32)
    for index, plane in enumerate(eight_bit):
        enhanced[index] = equaliser.apply(plane)
    enhanced /= _LEVELS
    return enhanced


def _check_positive(**settings: float) -> None:
    for name, value in settings.items():
        if not value > 0:
            raise ValueError(f"{name} must be greater than 0, got {value}")


def tile_grid(shape: tuple[int, ...], *, tile_mm: float, spacing_mm: float) -> tuple[int, int]:
    """Tiles along rows and columns of an ``(H, W)`` slice, each tile of at least 256 pixels."""
    edge = max(tile_mm / spacing_mm, MINIMUM_TILE_PIXELS**0.5)
    height, width = shape
    return max(1, int(height / edge + 0.5)), max(1, int(width / edge + 0.5))
