"""A head of nested balls as a label map: small enough to draw in a tenth of a second."""

import numpy as np
from numpy.typing import NDArray

SIZE = 72
# Radius in mm and SynthSeg number, from the outside in.
LAYERS = ((33, 511), (31, 507), (29, 515), (27, 24), (25, 3), (21, 2), (4, 4))


def tiny_label_map() -> NDArray[np.uint16]:
    """``(72, 72, 72)``: skin, fat, bone, fluid, cortex, white matter, ventricle, and a sinus."""
    axis = np.arange(SIZE) - (SIZE - 1) / 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    radius = np.sqrt(z**2 + y**2 + x**2)
    labels = np.zeros((SIZE, SIZE, SIZE), dtype=np.uint16)
    for limit, number in LAYERS:
        labels[radius < limit] = number
    left = x >= 0
    labels[(labels == 2) & ~left] = 41
    labels[(labels == 3) & ~left] = 42
    labels[(labels == 24) & (abs(x) < 2) & (y > 0)] = 514
    return labels
