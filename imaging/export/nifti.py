"""Label volumes as NIfTI-1."""

import gzip

import nibabel
import numpy as np
from numpy.typing import NDArray

from imaging.volume import Volume


def nifti_bytes(labels: NDArray[np.uint16], volume: Volume) -> bytes:
    """A label volume as gzipped NIfTI: indexed (column, row, slice), its affine in RAS mm.

    The same labels give the same bytes: no time and no name goes into the gzip header. Labels are
    stored as uint8 where they fit.

    Raises
    ------
    ValueError
        `labels` is not on the grid of `volume`.
    """
    if labels.shape != volume.shape:
        raise ValueError(f"labels must have the shape of volume {volume.shape}, got {labels.shape}")
    small = labels.astype(np.uint8) if labels.max(initial=0) < 256 else labels
    lps_to_ras = np.diag([-1.0, -1.0, 1.0, 1.0])
    affine = lps_to_ras @ volume.affine[:, [2, 1, 0, 3]]
    image = nibabel.Nifti1Image(np.ascontiguousarray(small.T), affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner")
    return gzip.compress(image.to_bytes(), compresslevel=6, mtime=0)
