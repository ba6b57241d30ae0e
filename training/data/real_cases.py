"""Real scans for training and validation: labelled gliomas, and brains without a tumour."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cc3d
import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.volume import Volume
from metseg.errors import MetsegError
from training.synthesis.labels import axial_affine, to_axial_order

# BraTS: 1 necrotic core, 4 enhancing tumour; together what a metastasis reader outlines.
CORE_LABELS: Final = (1, 4)


@dataclass(frozen=True, slots=True, eq=False)
class RealCase:
    """A scan on the 1 mm axial grid, ``(Z, H, W)`` in the scanner's units, and its tumour core.

    `brain` is None where it is not known: a full head without a brain mask.
    """

    name: str
    voxels: NDArray[np.float32]
    mask: NDArray[np.bool_]
    brain: NDArray[np.bool_] | None = None

    def volume(self) -> Volume:
        """The voxels as the networks' input module takes them; the origin is voxel 0."""
        return Volume(self.voxels, axial_affine())


def read_glioma(folder: Path) -> RealCase:
    """Read a BraTS case folder: ``*_t1ce.nii.gz`` and ``*_seg.nii.gz``."""
    voxels = _read(_only(folder, "*_t1ce.nii.gz")).astype(np.float32)
    labels = _read(_only(folder, "*_seg.nii.gz"))
    if labels.shape != voxels.shape:
        raise MetsegError(f"labels must match the scan, got {labels.shape} and {voxels.shape}")
    return RealCase(folder.name, voxels, np.isin(labels, CORE_LABELS), stripped_brain(voxels))


def read_negative(folder: Path) -> RealCase:
    """Read a brain without tumour, ``T1POST*.nii.gz``; its mask is empty."""
    voxels = _read(_only(folder, "T1POST*.nii.gz")).astype(np.float32)
    # The atlas interpolation rings below zero outside the brain.
    voxels = np.maximum(voxels, 0)
    return RealCase(folder.name, voxels, np.zeros(voxels.shape, dtype=bool), stripped_brain(voxels))


def stripped_brain(voxels: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The brain of a skull-stripped scan ``(Z, H, W)``: all that is not black, and its holes."""
    level = 0.05 * float(np.percentile(voxels[voxels > 0], 90))
    found = cc3d.largest_k(voxels > level, k=1, connectivity=6) > 0
    return np.stack([ndimage.binary_fill_holes(plane) for plane in found])


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise MetsegError(f"case folder must hold one {pattern}, found {len(found)}")
    return found[0]


def _read(path: Path) -> NDArray[Any]:
    image = nib.load(path)
    if not np.allclose(image.header.get_zooms()[:3], 1.0, atol=0.05):
        raise MetsegError(f"training scans must be at 1 mm, got {image.header.get_zooms()}")
    return to_axial_order(np.asarray(image.dataobj), image.affine)
