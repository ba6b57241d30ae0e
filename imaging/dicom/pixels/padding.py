"""Padding is air: what fills a frame outside of what was scanned is not tissue, whatever its value.

It is declared by PixelPaddingValue and PixelPaddingRangeLimit (PS3.3 C.7.5.1.1.2), or not at all:
then it is one value that lies on the border of the volume and far from all others.
"""

from dataclasses import dataclass
from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.dicom.pixels.bits import Bits
from imaging.dicom.values.raw_values import text
from metseg.errors import DicomError

# Voxels that the levels of a volume are measured on.
_SAMPLE = 1 << 20
# Air and the bright end of a volume, as models.inputs.find_head takes them.
_LOW, _HIGH = 1.0, 98.0
# A volume holds air where this share of it lies in the lowest part of its range.
_AIR_SHARE, _AIR_LEVEL = 0.1, 0.12
# Padding this near below the rest, relative to its range, is as good as air: it stays.
_NEAR_AIR, _NEAR_TISSUE = 0.05, 0.25
# Undeclared padding has at least this share of all voxels, and of those on the faces of the volume.
_LEAST_SHARE, _LEAST_BORDER = 0.001, 0.01
# Where it fills fewer corners, it has this share of the faces: a lesion may be cut by the end of
# the scan.
_LEAST_CORNERS, _LEAST_FRAME = 2, 0.1
# It lies this far above the brightest, relative to the range: vessels may be brighter than all
# else.
_FAR_ABOVE = 0.1
# Values of the rest lie this many times nearer to each other.
_STEPS = 8.0
_KINDS = 3  # of undeclared padding in one volume
_WRAP = 1 << 16


@dataclass(frozen=True, slots=True)
class Padding:
    """Declared padding, from `least` to `greatest`, both included, as the header has them."""

    least: float
    greatest: float

    def marks(
        self, cells: NDArray[Any], values: NDArray[Any], bits: Bits | None
    ) -> NDArray[np.bool_]:
        """Which pixels are padding, by their stored values; by the whole cell where the padding has
        more bits than a pixel.
        """
        if bits is None or not (self.least.is_integer() and self.greatest.is_integer()):
            return (values >= self.least) & (values <= self.greatest)
        ends = [bits.fit(int(end)) for end in (self.least, self.greatest)]
        if None not in ends:
            least, greatest = sorted(end for end in ends if end is not None)
            return np.asarray((values >= least) & (values <= greatest))
        whole = cells.astype(np.int64) % _WRAP
        least, greatest = (int(end) % _WRAP for end in (self.least, self.greatest))
        if self.least == self.greatest:
            return np.asarray(whole == least)
        if bits.signed:
            whole = whole - np.where(whole >= _WRAP // 2, _WRAP, 0)
            least, greatest = (end - _WRAP * (end >= _WRAP // 2) for end in (least, greatest))
        least, greatest = sorted((least, greatest))
        return np.asarray((whole >= least) & (whole <= greatest))

    def marks_real(self, voxels: NDArray[np.float32]) -> NDArray[np.bool_]:
        """The same of real values: some writers give the padding after rescale."""
        marked = (voxels >= self.least) & (voxels <= self.greatest)
        if not marked.any() and self.least >= _WRAP // 2:
            marked = (voxels >= self.least - _WRAP) & (voxels <= self.greatest - _WRAP)
        return np.asarray(marked)


def padding_of(dataset: Dataset) -> Padding | None:
    """The padding that a header declares; None where it declares none that can be read."""
    for value, limit in (
        ("PixelPaddingValue", "PixelPaddingRangeLimit"),
        ("FloatPixelPaddingValue", "FloatPixelPaddingRangeLimit"),
        ("DoubleFloatPixelPaddingValue", "DoubleFloatPixelPaddingRangeLimit"),
    ):
        first = _number(dataset, value)
        if first is not None:
            other = _number(dataset, limit)
            ends = sorted((first, first if other is None else other))
            return Padding(ends[0], ends[1])
    return None


def _number(dataset: Dataset, keyword: str) -> float | None:
    try:
        found = float(text(dataset, keyword))
    except (ValueError, DicomError):
        return None
    return found if np.isfinite(found) else None


def fill_padding(
    voxels: NDArray[np.float32], declared: NDArray[np.bool_] | None
) -> tuple[str, ...]:
    """Give padding the level of air, in place; warnings about what nobody declared, and about what
    could be tissue.

    `voxels` ``(Z, H, W)``, more is brighter; `declared` marks padding, same shape. Declared padding
    that is brighter than air counts where it fills regions at the border of the volume: a vessel
    may be as bright. What is as dark as air already stays as it is.
    """
    padded = None if declared is None else _plausible(voxels, declared)
    found = [] if padded is None else _as_bright_as_tissue(voxels, padded)
    for _ in range(_KINDS):
        value = _undeclared(voxels, padded)
        if value is None:
            break
        marked = _plausible(voxels, voxels == np.float32(value))
        found.append(
            f"{marked.mean():.0%} of the voxels are {value:g}: taken for padding, so set to air"
        )
        padded = marked if padded is None else padded | marked
    if padded is None or not padded.any() or padded.all():
        return tuple(found)
    low, high, holds_air = _levels(voxels, padded)
    near = (_NEAR_AIR if holds_air else _NEAR_TISSUE) * (high - low)
    air = low if holds_air else low - near
    # What a scanner blended of padding and tissue lies far below everything too.
    padded |= voxels < low - max(near, high - low)
    stays = padded & (voxels <= low) & (voxels >= low - near)
    voxels[padded & ~stays] = np.float32(air)
    return tuple(found)


def _plausible(voxels: NDArray[np.float32], declared: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Declared padding, without what is as bright as tissue and lies in it."""
    if not declared.any() or declared.all():
        return declared
    low, _, _ = _levels(voxels, declared)
    bright = declared & (voxels > low)
    if not bright.any():
        return declared
    labels, count = cc3d.connected_components(bright, connectivity=6, return_N=True)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    at_border = np.zeros(count + 1, dtype=np.bool_)
    for face in _faces(labels):
        at_border[np.unique(face)] = True
    at_border &= sizes >= _LEAST_SHARE * labels.size
    at_border[0] = False
    return np.asarray((declared & ~bright) | at_border[labels])


def _as_bright_as_tissue(voxels: NDArray[np.float32], declared: NDArray[np.bool_]) -> list[str]:
    """A warning where declared padding could be tissue by its value and its place, away from the
    corners: it may be a bright lesion.
    """
    if not declared.any() or declared.all() or _fills_corners(declared):
        return []
    low, high, _ = _levels(voxels, declared)
    most = float(voxels[~declared].max())
    doubtful = declared & (voxels > low) & (voxels <= most + _FAR_ABOVE * (high - low))
    count = int(np.count_nonzero(doubtful))
    if count == 0:
        return []
    return [f"{count} voxels at the border are declared padding as bright as tissue: set to air"]


def _undeclared(voxels: NDArray[np.float32], padded: NDArray[np.bool_] | None) -> float | None:
    """A value that is padding although no header says so, or None."""
    rest = voxels if padded is None else voxels[~padded]
    if rest.size == 0:
        return None
    least, greatest = float(rest.min()), float(rest.max())
    if not least < greatest:
        return None
    for value in (least, greatest):
        same = voxels == np.float32(value)
        if padded is not None:
            same &= ~padded
        at_border = float(np.concatenate([face.ravel() for face in _faces(same)]).mean())
        if at_border < (_LEAST_BORDER if _fills_corners(same) else _LEAST_FRAME):
            continue
        if same.mean() >= _LEAST_SHARE and _is_far(value, voxels, same, padded):
            return value
    return None


def _fills_corners(marked: NDArray[np.bool_]) -> bool:
    return int(np.count_nonzero(marked[np.ix_(*((0, -1),) * 3)])) >= _LEAST_CORNERS


def _is_far(
    value: float,
    voxels: NDArray[np.float32],
    same: NDArray[np.bool_],
    padded: NDArray[np.bool_] | None,
) -> bool:
    others = same if padded is None else same | padded
    if others.all():
        return False
    low, high, holds_air = _levels(voxels, others)
    if not high > low:
        return False
    rest = voxels[~others]
    steps = np.diff(np.unique(rest[:: max(1, rest.size // _SAMPLE)]))
    if min(abs(value - low), abs(value - high)) < _STEPS * float(np.median(steps)):
        return False
    if value == 0.0 and value < low and not holds_air:
        return False  # black air, as a mask leaves it around a head or a brain: it is air already
    if value < low:
        near = _NEAR_AIR if holds_air else _NEAR_TISSUE
        return low - value > near * (high - low)
    return value - float(rest.max()) > _FAR_ABOVE * (high - low)


def _levels(voxels: NDArray[np.float32], without: NDArray[np.bool_]) -> tuple[float, float, bool]:
    """The dark and the bright end of what is not padding, and whether it holds air."""
    rest = voxels[~without]
    rest = rest[:: max(1, rest.size // _SAMPLE)]
    low, high = (float(level) for level in np.percentile(rest, (_LOW, _HIGH)))
    dark = float(np.mean(rest < low + _AIR_LEVEL * (high - low)))
    return low, high, dark >= _AIR_SHARE


def _faces(values: NDArray[Any]) -> list[NDArray[Any]]:
    """The sides of each slice, and the first and last slice."""
    return [
        *(values[0], values[-1]),
        *(values[:, 0], values[:, -1]),
        *(values[:, :, 0], values[:, :, -1]),
    ]
