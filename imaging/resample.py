"""Resampling between a scanner's grid and an axial one: axes are permuted and flipped, never
rotated, and interpolation is linear.

The axial grid has its first slice inferior, rows towards the patient's back and columns towards the
patient's left: the three axes of DICOM LPS in reverse order. An oblique acquisition keeps its
obliquity, so the way there and back works axis by axis.
"""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from imaging.volume import Volume


@dataclass(frozen=True, slots=True)
class AxisMap:
    """One axis of the axial grid and the native axis under it.

    Both grids are centred on the same extent, voxel edges included; spacings are in mm.
    """

    native_axis: int
    flipped: bool
    native_size: int
    native_spacing: float
    size: int
    spacing: float

    def native_positions(self) -> NDArray[np.float64]:
        """``(size,)`` native indices, before flipping, of the axial voxel centres."""
        offset = (np.arange(self.size) - (self.size - 1) / 2) * self.spacing
        return np.asarray(
            offset / self.native_spacing + (self.native_size - 1) / 2, dtype=np.float64
        )

    def axial_positions(self) -> NDArray[np.float64]:
        """``(native_size,)`` axial indices of the native voxel centres, before flipping."""
        offset = (np.arange(self.native_size) - (self.native_size - 1) / 2) * self.native_spacing
        return np.asarray(offset / self.spacing + (self.size - 1) / 2, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class AxialGrid:
    """How an axial isotropic grid lies over a native one. Axes ordered slice, row, column."""

    axes: tuple[AxisMap, AxisMap, AxisMap]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows and columns of the axial grid."""
        z, h, w = (axis.size for axis in self.axes)
        return z, h, w


def axial_grid(volume: Volume, *, spacing_mm: float = 1.0) -> AxialGrid:
    """The axial grid of ``spacing_mm`` that covers the volume's extent.

    Raises
    ------
    ValueError
        ``spacing_mm`` is not positive.
    """
    if not spacing_mm > 0:
        raise ValueError(f"spacing_mm must be greater than 0, got {spacing_mm}")
    spacing = volume.spacing
    directions = volume.affine[:3, :3] / np.asarray(spacing)
    # Axial axis 0, 1, 2 runs along LPS component 2, 1, 0.
    order = max(
        permutations(range(3)),
        key=lambda p: sum(abs(directions[2 - axis, p[axis]]) for axis in range(3)),
    )
    slices, rows, columns = (
        AxisMap(
            native_axis=native,
            flipped=bool(directions[2 - axis, native] < 0),
            native_size=volume.shape[native],
            native_spacing=spacing[native],
            size=max(1, round(volume.shape[native] * spacing[native] / spacing_mm)),
            spacing=spacing_mm,
        )
        for axis, native in enumerate(order)
    )
    return AxialGrid((slices, rows, columns))


def to_axial(volume: Volume, *, spacing_mm: float = 1.0) -> tuple[Volume, AxialGrid]:
    """Resample to the closest axial isotropic grid, linearly; the edge voxels continue for half a
    voxel.

    Returns
    -------
    The axial volume, with the affine of its own grid, and the grid that leads back.
    """
    grid = axial_grid(volume, spacing_mm=spacing_mm)
    voxels = volume.voxels.transpose([axis.native_axis for axis in grid.axes])
    flips = tuple(slice(None, None, -1 if axis.flipped else 1) for axis in grid.axes)
    voxels = voxels[flips]
    affine = np.eye(4)
    origin = np.zeros(3)
    for index, axis in enumerate(grid.axes):
        positions = axis.native_positions()
        voxels = _interpolate(voxels, np.clip(positions, 0, axis.native_size - 1), index)
        sign = -1.0 if axis.flipped else 1.0
        step = volume.affine[:3, axis.native_axis] * sign
        affine[:3, index] = step * (axis.spacing / axis.native_spacing)
        origin[axis.native_axis] = (
            axis.native_size - 1 - positions[0] if axis.flipped else positions[0]
        )
    affine[:3, 3] = volume.to_lps(origin)
    return Volume(np.ascontiguousarray(voxels, dtype=np.float32), affine), grid


def to_native(
    values: NDArray[np.float32], grid: AxialGrid, *, corner: tuple[int, int, int] = (0, 0, 0)
) -> NDArray[np.float32]:
    """Bring values of an axial box back to the native grid, linearly at the native voxel centres.

    Parameters
    ----------
    values
        ``(z, h, w)``: a box of the axial grid, 0 elsewhere.
    corner
        Index in the axial grid of the first voxel of ``values``.

    Returns
    -------
    float32 of the native shape, C-contiguous.

    Raises
    ------
    ValueError
        The box does not lie inside the axial grid.
    """
    for size, start, full in zip(values.shape, corner, grid.shape, strict=True):
        if start < 0 or start + size > full:
            raise ValueError(
                f"values at corner must lie in {grid.shape}, got {values.shape} at {corner}"
            )
    result = values
    for index, axis in enumerate(grid.axes):
        positions = np.clip(axis.axial_positions(), 0, axis.size - 1) - corner[index]
        result = _interpolate(result, positions, index)
    result = result[tuple(slice(None, None, -1 if axis.flipped else 1) for axis in grid.axes)]
    inverse = np.argsort([axis.native_axis for axis in grid.axes])
    return np.ascontiguousarray(result.transpose(inverse), dtype=np.float32)


def _interpolate(
    values: NDArray[np.float32], positions: NDArray[np.float64], axis: int
) -> NDArray[np.float32]:
    """Linear interpolation along one axis; 0 beyond the first and last voxel."""
    size = values.shape[axis]
    if positions.size == size and np.array_equal(positions, np.arange(size)):
        return values
    lower = np.floor(positions).astype(np.intp)
    share = positions - lower
    column = tuple(-1 if dimension == axis else 1 for dimension in range(values.ndim))
    result: NDArray[np.float32] | None = None
    for index, weight in ((lower, 1.0 - share), (lower + 1, share)):
        inside = (index >= 0) & (index < size)
        part = values.take(np.clip(index, 0, size - 1), axis=axis)
        part *= np.where(inside, weight, 0.0).astype(np.float32).reshape(column)
        result = part if result is None else result + part
    assert result is not None
    return result
