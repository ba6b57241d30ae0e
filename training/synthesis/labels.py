"""Head label maps: their classes, and reading one onto the axial grid."""

from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from metseg.errors import MetsegError

WHITE: Final = (2, 41)
CORTEX: Final = (3, 42)
CEREBELLAR_WHITE: Final = (7, 46)
CEREBELLAR_GREY: Final = (8, 47)
BRAINSTEM: Final = (16, 28, 60, 85)
THALAMUS_PALLIDUM: Final = (10, 49, 13, 52)
STRIATUM: Final = (11, 50, 12, 51, 26, 58, 17, 53, 18, 54)
OTHER_BRAIN: Final = (25, 57, 136, 137, 163, 164)
VENTRICLES: Final = (4, 5, 14, 15, 43, 44, 72)
CSF: Final = (24,)
ARTERY: Final = (502,)
VEIN: Final = (514,)
# FreeSurfer's "vessel": the perivascular spaces of the striatum, dark on T1. Painted as blood, they
# are balls that look like metastases, two to six in a head.
PERIVASCULAR: Final = (30, 62)
EYEBALL: Final = (506,)
SOFT_TISSUE: Final = (507,)
EYE_MUSCLE: Final = (508,)
MUCOSA: Final = (509,)
SKIN: Final = (511,)
FLUID: Final = (512,)
CORTICAL_BONE: Final = (515,)
MARROW: Final = (516,)
OTHER: Final = (530,)

LEFT_CEREBRUM: Final = (2, 3)
RIGHT_CEREBRUM: Final = (41, 42)
CEREBRUM: Final = LEFT_CEREBRUM + RIGHT_CEREBRUM
CEREBELLUM: Final = CEREBELLAR_WHITE + CEREBELLAR_GREY
WHITE_MATTER: Final = WHITE + CEREBELLAR_WHITE
BRAIN: Final = (
    CEREBRUM + CEREBELLUM + BRAINSTEM + THALAMUS_PALLIDUM + STRIATUM + OTHER_BRAIN + PERIVASCULAR
)
LARGEST: Final = 600


def is_in(labels: NDArray[np.uint16], classes: tuple[int, ...]) -> NDArray[np.bool_]:
    """Where the label is one of `classes`; same shape as `labels`."""
    table = np.zeros(LARGEST, dtype=bool)
    table[list(classes)] = True
    return np.asarray(table[labels])


def read_label_map(path: Path) -> NDArray[np.uint16]:
    """Read a 1 mm label map as ``(Z, H, W)``: slices upwards, rows to posterior, columns to left.

    Raises
    ------
    MetsegError
        The map is not three-dimensional at 1 mm, or holds numbers outside 0..599.
    """
    image = nib.load(path)
    if len(image.shape) != 3 or not np.allclose(image.header.get_zooms(), 1.0, atol=0.05):
        raise MetsegError(f"label map must be 3-D at 1 mm, got shape {image.shape}")
    voxels = to_axial_order(np.asarray(image.dataobj), image.affine)
    if voxels.min() < 0 or voxels.max() >= LARGEST:
        raise MetsegError(f"labels must be 0..{LARGEST - 1}, got {voxels.min()}..{voxels.max()}")
    return voxels.astype(np.uint16)


def to_axial_order(voxels: NDArray[Any], affine: NDArray[np.float64]) -> NDArray[Any]:
    """Turn NIfTI voxels ``(i, j, k)`` to ``(Z, H, W)``: up, posterior, left. No resampling."""
    target = nib.orientations.axcodes2ornt(("L", "P", "S"))
    change = nib.orientations.ornt_transform(nib.orientations.io_orientation(affine), target)
    turned = nib.orientations.apply_orientation(voxels, change)
    return np.ascontiguousarray(turned.transpose(2, 1, 0))


def axial_affine() -> NDArray[np.float64]:
    """Voxel index (slice, row, column) to LPS mm for the 1 mm axial grid; the origin is voxel 0."""
    affine = np.zeros((4, 4))
    affine[2, 0] = affine[1, 1] = affine[0, 2] = affine[3, 3] = 1.0
    return affine
