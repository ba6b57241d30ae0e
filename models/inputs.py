"""What the networks are shown, in training and in use alike: the input contract, and the steps from
a scanner's volume to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.boxes import bounding_box, widened
from imaging.clahe import enhance_contrast
from imaging.resample import AxialGrid, to_axial, to_native
from imaging.volume import Volume

CHANNELS = 4
# Slices per call. Eight keep two cores busy; U-Net++ then needs about 0.6 GB for a large head.
BATCH = 8

# A head is brighter than this share of the way from air to the bright end; scanner noise in air is
# below 8 %.
_HEAD_LEVEL = 0.12
# Fewer head voxels than this share of the volume means that no head was found: use everything.
_LEAST_HEAD = 0.005
# Heads are searched for in blocks of this many mm: noise averages out, at a 27th of the work.
_BLOCK = 3


@dataclass(frozen=True, slots=True)
class InputContract:
    """The numbers that weights and input must share. Part of the weights card.

    Parameters
    ----------
    spacing_mm
        Isotropic voxel edge.
    clip_percentiles
        Of the head's intensities; what lies outside is cut off.
    clahe_clip, clahe_tile_mm
        See `imaging.clahe.enhance_contrast`; a clip of 0 leaves the channel empty.
    margin
        Voxels kept around the head when cropping to it.
    multiplanar
        Whether candidates are seen again in coronal and sagittal slices, see
        `models.multiplanar`.
    scout
        Name of the member that alone answers the whole head; the others answer only around what it
        does not rule out. None: every member answers the whole head.
    """

    spacing_mm: float = 1.0
    clip_percentiles: tuple[float, float] = (0.5, 99.8)
    clahe_clip: float = 2.0
    clahe_tile_mm: float = 28.0
    margin: int = 4
    multiplanar: bool = False
    scout: str | None = None

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "InputContract":
        """From a card's fields, where pairs are lists."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()
        }
        return cls(**values)


@dataclass(frozen=True, slots=True, eq=False)
class PreparedHead:
    """A head on the axial 1 mm grid, cropped to itself.

    Parameters
    ----------
    normalised
        ``(z, h, w)`` float32: clipped, mean 0 and deviation 1 over the head; air at the lower clip.
    clahe
        ``(z, h, w)`` float32 in [0, 1].
    corner
        Index of the first voxel in the axial grid.
    grid
        The way back to the native grid, see `imaging.resample.to_native`.
    """

    normalised: NDArray[np.float32]
    clahe: NDArray[np.float32]
    corner: tuple[int, int, int]
    grid: AxialGrid


def prepare(volume: Volume, contract: InputContract) -> PreparedHead:
    """Turn a scanner's volume, in any unit and any plane, into what the networks are shown."""
    axial, grid = to_axial(volume, spacing_mm=contract.spacing_mm)
    head = find_head(axial.voxels)
    box = head_box(head, margin=contract.margin)
    normalised = normalise(axial.voxels[box], head[box], contract)
    clahe = equalise(normalised, contract)
    z, h, w = (side.start for side in box)
    return PreparedHead(normalised, clahe, (z, h, w), grid)


def find_head(voxels: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Mask of the head, holes filled, of a full or a skull-stripped volume ``(Z, H, W)`` with
    voxels of about 1 mm.

    Works on ranks, so that neither the unit nor a few absurd outliers matter. A volume of one
    grey value is all head.
    """
    low = float(np.percentile(voxels, 1.0))
    above = voxels[voxels > low]
    if above.size == 0:
        return np.ones(voxels.shape, dtype=np.bool_)
    high = float(np.percentile(above, 98.0))
    blocks = _block_means(np.clip(voxels, low, high))
    bright = blocks > low + _HEAD_LEVEL * (high - low)
    labels, count = ndimage.label(bright)
    if count == 0:
        return np.ones(voxels.shape, dtype=np.bool_)
    largest = int(np.argmax(np.bincount(labels.ravel())[1:])) + 1
    coarse = labels == largest
    for plane in coarse:
        plane[:] = ndimage.binary_fill_holes(plane)
    if coarse.mean() < _LEAST_HEAD:
        return np.ones(voxels.shape, dtype=np.bool_)
    fine = coarse.repeat(_BLOCK, 0).repeat(_BLOCK, 1).repeat(_BLOCK, 2)
    z, h, w = voxels.shape
    return np.ascontiguousarray(fine[:z, :h, :w])


def native_head(volume: Volume) -> NDArray[np.bool_]:
    """The mask of `find_head` on the native grid of a volume ``(Z, H, W)`` of any plane."""
    axial, grid = to_axial(volume)
    return to_native(find_head(axial.voxels).astype(np.float32), grid) >= 0.5


def head_box(head: NDArray[np.bool_], *, margin: int) -> tuple[slice, slice, slice]:
    """The bounding box of a mask and `margin` voxels more, inside the volume. Everything if the
    mask is empty.
    """
    if not head.any():
        return slice(0, head.shape[0]), slice(0, head.shape[1]), slice(0, head.shape[2])
    z, h, w = widened(bounding_box(head), margin, head.shape)
    return z, h, w


def normalise(
    voxels: NDArray[np.float32], head: NDArray[np.bool_], contract: InputContract
) -> NDArray[np.float32]:
    """Clip to percentiles of the head, then shift and scale to mean 0 and deviation 1 over the
    head.

    Shapes ``(Z, H, W)``. A head of one value becomes zeros.
    """
    inside = voxels[head] if head.any() else voxels.ravel()
    low, high = np.percentile(inside, contract.clip_percentiles)
    inside = np.clip(inside, low, high)
    mean, deviation = float(inside.mean(dtype=np.float64)), float(inside.std(dtype=np.float64))
    if not deviation > 0:
        return np.zeros(voxels.shape, dtype=np.float32)
    clipped = np.clip(voxels, np.float32(low), np.float32(high))
    return np.asarray((clipped - np.float32(mean)) / np.float32(deviation), dtype=np.float32)


def equalise(
    normalised: NDArray[np.float32],
    contract: InputContract,
    *,
    clip_limit: float | None = None,
    tile_mm: float | None = None,
    value_range: tuple[float, float] | None = None,
) -> NDArray[np.float32]:
    """The CLAHE channel of slices ``(n, H, W)``, in [0, 1]. Training draws other limits and tiles
    than the contract's.

    Give `value_range`, the least and the greatest value of the whole head, when the slices are only
    some of the head's.
    """
    if contract.clahe_clip == 0:
        return np.zeros(normalised.shape, dtype=np.float32)
    return enhance_contrast(
        normalised,
        clip_limit=contract.clahe_clip if clip_limit is None else clip_limit,
        tile_mm=contract.clahe_tile_mm if tile_mm is None else tile_mm,
        spacing_mm=contract.spacing_mm,
        value_range=value_range,
    )


def stack(
    normalised: NDArray[np.float32],
    clahe: NDArray[np.float32],
    slices: Sequence[int] | NDArray[np.intp],
) -> NDArray[np.float32]:
    """Network input of some slices: slice below, itself, slice above, CLAHE of itself.

    Parameters
    ----------
    normalised, clahe
        ``(Z, H, W)``; at either end of the head the end slice stands in for its missing neighbour.
    slices
        ``n`` slice indices.

    Returns
    -------
    ``(n, H, W, 4)`` float32.
    """
    index = np.asarray(slices, dtype=np.intp)
    last = normalised.shape[0] - 1
    channels = (
        normalised[np.clip(index - 1, 0, last)],
        normalised[index],
        normalised[np.clip(index + 1, 0, last)],
        clahe[index],
    )
    return np.stack(channels, axis=-1)


def _block_means(voxels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means over blocks of ``_BLOCK`` voxels an edge; the last, partial blocks repeat the edge."""
    padding = [(0, -size % _BLOCK) for size in voxels.shape]
    padded = np.pad(voxels, padding, mode="edge")
    z, h, w = (size // _BLOCK for size in padded.shape)
    blocks = padded.reshape(z, _BLOCK, h, _BLOCK, w, _BLOCK)
    return np.asarray(blocks.mean(axis=(1, 3, 5), dtype=np.float32), dtype=np.float32)
