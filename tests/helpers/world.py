"""Compares volumes with images of other software by their values at places in the patient."""

import subprocess
from pathlib import Path

import dcm2niix
import nibabel
import numpy as np
from nibabel.spatialimages import SpatialImage

from imaging.volume import Volume


def convert(folder: Path, out: Path) -> list[SpatialImage]:
    """The images that dcm2niix makes of a folder, smallest file name first."""
    out.mkdir(parents=True, exist_ok=True)
    # -p n: the rescale of the standard, not Philips's own; -f: names without any data.
    command = [dcm2niix.bin, "-z", "n", "-p", "n", "-b", "n", "-f", "image", "-o", out, folder]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return [nibabel.load(path) for path in sorted(out.glob("*.nii"))]


def assert_same_world(volume: Volume, image: SpatialImage, *, within_mm: float = 1e-3) -> None:
    """Every voxel centre lies within `within_mm` of one of the image, which has the same value.

    The image may have its axes in any order and direction.
    """
    values = np.asarray(image.dataobj).reshape(image.shape[:3])
    ras_to_lps = np.diag([-1.0, -1.0, 1.0, 1.0])
    to_index = np.linalg.inv(image.affine) @ ras_to_lps @ volume.affine
    index = np.stack(np.meshgrid(*map(np.arange, volume.shape), indexing="ij"), -1).reshape(-1, 3)
    found = index @ to_index[:3, :3].T + to_index[:3, 3]
    nearest = np.rint(found).astype(int)
    spacing = np.linalg.norm(image.affine[:3, :3], axis=0)
    assert sorted(values.shape) == sorted(volume.shape)
    assert np.abs((found - nearest) * spacing).max() < within_mm
    np.testing.assert_allclose(values[tuple(nearest.T)], volume.voxels.ravel(), atol=1e-3)
