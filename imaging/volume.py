"""A scanner volume: voxels and where they are in the patient."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metseg.errors import GeometryError


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """Voxels with their place in the patient.

    Parameters
    ----------
    voxels
        ``(Z, H, W)``: slice, row, column; float32, finite, in the scanner's own units.
    affine
        ``(4, 4)`` float64: maps a homogeneous voxel index ``(slice, row, column, 1)`` to DICOM LPS
        millimetres (PS3.3 C.7.6.2.1.1). Voxel centres, not corners.

    Raises
    ------
    GeometryError
        `voxels` is not three-dimensional, or `affine` is singular.
    """

    voxels: NDArray[np.float32]
    affine: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.voxels.ndim != 3:
            raise GeometryError(f"voxels must be (Z, H, W), got shape {self.voxels.shape}")
        if self.affine.shape != (4, 4) or abs(np.linalg.det(self.affine[:3, :3])) < 1e-9:
            raise GeometryError(f"affine must be 4x4 and invertible, got {self.affine.tolist()}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows, columns."""
        z, h, w = self.voxels.shape
        return z, h, w

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between voxel centres in mm, ordered ``(slice, row, column)`` like the axes."""
        z, h, w = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(z), float(h), float(w)

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel in mm3."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    def to_lps(self, index: NDArray[np.float64]) -> NDArray[np.float64]:
        """Patient positions in LPS mm of voxel indices ``(..., 3)``: slice, row, column."""
        return np.asarray(index @ self.affine[:3, :3].T + self.affine[:3, 3], dtype=np.float64)
