"""What the voxels of a volume say about it before networks look at them: whether there is anything
to see, and which slices do not match the others.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imaging.remarks import listed
from metseg.errors import BlankImageError

_ODD = 1.5
"""A slice this many times brighter or darker than both its neighbours, which are alike within
`_ALIKE`, was rescaled in another way. Interleaved slices of scanners differ by a fifth.
"""
_ALIKE = 1.25
_STEP = 2  # every other pixel of a slice shows how bright it is
_SHOWN = 10  # slices that a warning names


def check_not_blank(voxels: NDArray[np.float32]) -> None:
    """Check that a volume ``(Z, H, W)`` is not of one value.

    Raises
    ------
    BlankImageError
        It is: it was never exposed, RescaleSlope is 0, or all of it is padding.
    """
    if voxels.min() == voxels.max():
        raise BlankImageError(f"voxels must differ, got {float(voxels.flat[0]):g} in all of them")


def slice_warnings(voxels: NDArray[np.float32]) -> list[str]:
    """Warnings about slices of a volume ``(Z, H, W)`` that can hardly be as they were scanned.

    These are blank ones between others, as a broken transfer leaves them; ones that repeat the
    pixels of another; and ones far brighter or darker than both their neighbours.
    """
    blank = [bool(one.min() == one.max()) for one in voxels]
    seen = [z for z, is_blank in enumerate(blank) if not is_blank]
    within = [z for z in range(seen[0], seen[-1]) if blank[z]] if seen else []
    counts = Counter(hash(voxels[z].tobytes()) for z in seen)
    repeats = sum(count - 1 for count in counts.values())
    odd = _odd_levels(voxels)
    found = []
    if within:
        found.append(
            f"{_listed(within)} hold one value, unlike those around them: nothing is seen there"
        )
    if repeats:
        found.append(f"{repeats} slices hold the same pixels as another one")
    if odd:
        found.append(f"{_listed(odd)} are far brighter or darker than those beside them")
    return found


def _odd_levels(voxels: NDArray[np.float32]) -> list[int]:
    coarse = voxels[:, ::_STEP, ::_STEP]
    levels = coarse.mean(axis=(1, 2), dtype=np.float64) - float(coarse.min())
    if len(levels) < 3 or levels.max() <= 0:
        return []
    levels = np.maximum(levels, 0.01 * levels.max())
    below, here, above = levels[:-2], levels[1:-1], levels[2:]
    alike = np.abs(np.log(below / above)) < np.log(_ALIKE)
    off = np.abs(np.log(here / np.sqrt(below * above))) > np.log(_ODD)
    return [int(z) + 1 for z in np.flatnonzero(alike & off)]


def _listed(slices: Sequence[int]) -> str:
    return f"{len(slices)} slices ({listed(slices, _SHOWN)}, counted from 0)"
