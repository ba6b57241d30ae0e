"""The planes of the patient, by the axis perpendicular to them."""

from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

MainPlane = Literal["sagittal", "coronal", "axial"]
_ACROSS: Final[tuple[MainPlane, ...]] = ("sagittal", "coronal", "axial")  # LPS: x, y, z


def nearest_plane(normal: ArrayLike) -> tuple[MainPlane, float]:
    """The plane closest to the one perpendicular to `normal` ``(3,)``, a unit vector in LPS, and
    the cosine of the angle between the two.
    """
    cosines = np.abs(np.asarray(normal, dtype=np.float64))
    axis = int(cosines.argmax())
    return _ACROSS[axis], float(cosines[axis])
