"""Whether a picture shows contrast agent: how bright the brightest voxels inside the brain are
compared with white matter.

Before contrast agent, white matter is the brightest tissue deep in the head in a T1. After it, the
inner veins, the straight sinus, the choroid plexus and whatever enhances are brighter by a third or
more. docs/series-choice.md has the values of real scans; `benchmarks.agent` measures them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# The lowest ratio of 59 real scans after contrast agent is 1.37, the highest of two before it is
# 1.21.
SHOWN, NOT_SHOWN = 1.35, 1.25
_BRIGHTEST = 99.9  # percentile: a thousandth of 400 ml is 0.4 ml, a few cm of an inner vein
_WHITE_MATTER = 75.0  # percentile: half of the inside of a brain is white matter, the rest darker
# Grey matter and CSF make a tenth of the inside darker than this share of white matter; in real
# scans it is at most 0.88. A flatter picture is not of a brain.
_DARKEST, _LEAST_CONTRAST = 10.0, 0.95
_MM = 2  # edge of the blocks that are looked at: noise averages out
_DEEP_MM = 20.0  # below the scalp, the skull and its marrow
_HIGH_MM = 90.0  # of the head, from its top down to the base of the skull
_FIELD_MM = 16.0  # the receive field is smooth on this scale, vessels are not
_LEAST_ML = 80.0  # of the inside of a brain
_TOP_MM2 = 1000.0  # the top of the head is the highest slice with this much of it
# In a subtraction the brain is as dark as the air; else its median is above a quarter of the way to
# the brightest thousandth, in all real scans.
_SUBTRACTED = 0.12
_AIR = 10.0  # percentile of the rims of a volume, some of which may cut through the head


@dataclass(frozen=True, slots=True)
class Enhancement:
    """What a picture shows of contrast agent. `ratio` is the brightest thousandth of the inside of
    the brain divided by white matter; None where it cannot be measured.
    """

    ratio: float | None
    is_subtraction: bool = False

    @property
    def shows_agent(self) -> bool | None:
        """None in between, and where there is no ratio."""
        if self.ratio is None or NOT_SHOWN <= self.ratio < SHOWN:
            return None
        return self.ratio >= SHOWN

    @property
    def words(self) -> str:
        """What was seen, with its value."""
        if self.ratio is None:
            return "the picture does not show whether contrast agent was given"
        side = {True: "as after", False: "as before", None: "between before and after"}
        return (
            f"vessels and what is brightest in the brain are {self.ratio:.2f} times white matter, "
            f"{side[self.shows_agent]} contrast agent (after: from {SHOWN:g})"
        )


def measure_enhancement(voxels: NDArray[np.float32], head: NDArray[np.bool_]) -> Enhancement:
    """Measure a T1 ``(Z, H, W)`` on an axial grid of 1 mm, lowest slice first, and its head mask.

    Full heads and skull-stripped ones are fine; sequences that make blood dark are not.
    """
    if is_subtraction(voxels):
        return Enhancement(None, is_subtraction=True)
    small, inside = _blocks(voxels), _blocks(head.astype(np.float32)) > 0.5
    deep = _deep(inside)
    if not deep.any():
        return Enhancement(None)
    deep &= small > 0.1 * np.percentile(small[inside], 98)
    if deep.sum() * _MM**3 < _LEAST_ML * 1000:
        return Enhancement(None)
    dark, white = np.percentile(small[deep], (_DARKEST, _WHITE_MATTER))
    if not white > 0 or dark > _LEAST_CONTRAST * white:
        return Enhancement(None)
    values = _without_field(small, deep)
    white, brightest = np.percentile(values, (_WHITE_MATTER, _BRIGHTEST))
    return Enhancement(round(float(brightest / white), 3))


def is_subtraction(voxels: NDArray[np.float32]) -> bool:
    """Whether a volume ``(Z, H, W)``, any unit and plane, is a difference of two images: brain and
    air are noise around one value, shifted or not.
    """
    middle = voxels[tuple(slice(size // 4, max(size - size // 4, 1)) for size in voxels.shape)]
    rims = (voxels[:, 0], voxels[:, -1], voxels[:, :, 0], voxels[:, :, -1])
    air = float(np.percentile(np.concatenate([rim.ravel() for rim in rims]), _AIR))
    bright = float(np.percentile(middle, _BRIGHTEST)) - air
    return bright > 0 and abs(float(np.median(middle)) - air) < _SUBTRACTED * bright


def _blocks(voxels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of blocks; what is left over at the far ends is left out."""
    z, h, w = (size // _MM for size in voxels.shape)
    cut = voxels[: z * _MM, : h * _MM, : w * _MM].reshape(z, _MM, h, _MM, w, _MM)
    return np.asarray(cut.mean(axis=(1, 3, 5)), dtype=np.float32)


def _deep(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The part of the head that is far from its surface and below its top; the head is taken to
    continue below the lowest slice.
    """
    wide = np.flatnonzero(inside.sum(axis=(1, 2)) * _MM**2 > _TOP_MM2)
    if not wide.size:
        return np.zeros(inside.shape, dtype=np.bool_)
    aired = np.pad(inside, ((0, 1), (1, 1), (1, 1)))
    depth = ndimage.distance_transform_edt(aired)[:-1, 1:-1, 1:-1] * _MM
    high = np.arange(inside.shape[0]) > wide[-1] - _HIGH_MM / _MM
    return np.asarray((depth > _DEEP_MM) & high[:, None, None], dtype=np.bool_)


def _without_field(small: NDArray[np.float32], deep: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Values of the deep part, divided by the mean around each."""
    sigma = _FIELD_MM / _MM
    share = ndimage.gaussian_filter(deep.astype(np.float32), sigma)
    mean = ndimage.gaussian_filter(np.where(deep, small, 0).astype(np.float32), sigma)
    return np.asarray(small[deep] * share[deep] / np.maximum(mean[deep], 1e-12), dtype=np.float32)
