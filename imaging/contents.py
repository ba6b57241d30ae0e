"""Whether there is anything to see in a volume, before networks look at it."""

import numpy as np
from numpy.typing import NDArray

from metseg.errors import BlankImageError


def check_not_blank(voxels: NDArray[np.float32]) -> None:
    """Check that a volume ``(Z, H, W)`` is not of one value.

    Raises
    ------
    BlankImageError
        It is: never exposed, RescaleSlope 0, all padding.
    """
    if voxels.min() == voxels.max():
        raise BlankImageError(f"voxels must differ, got {float(voxels.flat[0]):g} in all of them")
