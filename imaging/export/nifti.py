"""Volumes as NIfTI-1: the labels, and the probability."""

import gzip
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from imaging.volume import Volume

PROBABILITY_STEPS = 1000  # finer than any network is sure of, and half the bytes of float32


def nifti_bytes(labels: NDArray[np.uint16], volume: Volume) -> bytes:
    """A label volume as gzipped NIfTI: indexed (column, row, slice), its affine in RAS mm.

    The same labels give the same bytes: no time and no name goes into the gzip header. Labels are
    stored as uint8 where they fit.

    Raises
    ------
    ValueError
        `labels` is not on the grid of `volume`.
    """
    small = labels.astype(np.uint8) if labels.max(initial=0) < 256 else labels
    return _gzipped(_image(small, volume))


def probability_nifti_bytes(probability: NDArray[np.float32], volume: Volume) -> bytes:
    """A probability volume as gzipped NIfTI in steps of 1/1000, stored as int16 with a slope.

    Otherwise as `nifti_bytes`.

    Raises
    ------
    ValueError
        `probability` is not on the grid of `volume`, or outside [0, 1].
    """
    low, high = float(probability.min(initial=0)), float(probability.max(initial=0))
    if not (low >= 0 and high <= 1):
        raise ValueError(f"probability must be in [0, 1], got {low} to {high}")
    stored = np.rint(probability * np.float32(PROBABILITY_STEPS)).astype(np.int16)
    image = _image(stored, volume)
    image.header.set_slope_inter(1 / PROBABILITY_STEPS, 0)
    return _gzipped(image)


def _image(values: NDArray[Any], volume: Volume) -> nibabel.Nifti1Image:
    if values.shape != volume.shape:
        raise ValueError(f"values must have the shape of volume {volume.shape}, got {values.shape}")
    lps_to_ras = np.diag([-1.0, -1.0, 1.0, 1.0])
    affine = lps_to_ras @ volume.affine[:, [2, 1, 0, 3]]
    image = nibabel.Nifti1Image(np.ascontiguousarray(values.T), affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner")
    return image


def _gzipped(image: nibabel.Nifti1Image) -> bytes:
    return gzip.compress(image.to_bytes(), compresslevel=6, mtime=0)
