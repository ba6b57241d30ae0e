"""The connected components of a mask: one definition for candidates, measures and training."""

from typing import Final

import cc3d
import numpy as np
from numpy.typing import NDArray

CONNECTIVITY: Final = 26  # BraTS-METS 2025

Labels = NDArray[np.unsignedinteger]


def connected(mask: NDArray[np.bool_]) -> tuple[Labels, int]:
    """26-connected components of ``(Z, H, W)``, numbered from 1, and how many."""
    # cc3d 4.1.1 fails on lines of odd length, [1, 0, 1] as (1, 1, 3): it reserves one label too
    # few.
    line = sorted(mask.shape)[-2] == 1
    labels, count = cc3d.connected_components(
        np.pad(mask, 1) if line else mask, connectivity=CONNECTIVITY, return_N=True
    )
    return (labels[1:-1, 1:-1, 1:-1] if line else labels), int(count)
