"""A user's own labelled cases, for fine-tuning: ``CASE/image.nii.gz`` and ``CASE/mask.nii.gz``."""

from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np

from imaging.resample import to_axial
from imaging.volume import Volume
from metseg.errors import MetsegError
from models.training.real_cases import RealCase

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_own_cases(folder: Path) -> Iterator[RealCase]:
    """Cases in the order of their folders' names, resampled to 1 mm; anything but 0 in a mask is a
    lesion.

    Raises
    ------
    MetsegError
        There is no case, a file is missing, or a mask is not on its image's grid.
    """
    cases = sorted(path for path in folder.iterdir() if path.is_dir())
    if not cases:
        raise MetsegError("cases must hold a folder for each case, got none")
    for number, case in enumerate(cases, start=1):
        image, mask = case / "image.nii.gz", case / "mask.nii.gz"
        if not (image.is_file() and mask.is_file()):
            raise MetsegError(f"case {number} must hold image.nii.gz and mask.nii.gz, it does not")
        scan, truth = read_volume(image), read_volume(mask)
        if scan.shape != truth.shape or not np.allclose(scan.affine, truth.affine, atol=1e-2):
            raise MetsegError(f"mask of case {number} must be on the image's grid, it is not")
        lesions = Volume((truth.voxels != 0).astype(np.float32), truth.affine)
        yield RealCase(
            f"own{number:04d}", to_axial(scan)[0].voxels, to_axial(lesions)[0].voxels > 0.5
        )


def read_volume(path: Path) -> Volume:
    """The three array axes of a NIfTI image stand for slice, row and column as they are."""
    image = nibabel.load(path)
    voxels = np.asarray(image.dataobj, dtype=np.float32)
    return Volume(voxels, np.asarray(_RAS_TO_LPS @ image.affine, dtype=np.float64))
