"""Stored pixels of instances to real values."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imaging.frames import Frame
from imaging.parsing import parsing, read_dataset
from metseg.errors import DicomError


def read_pixels(
    path: Path, frames: Sequence[Frame], *, max_bytes: int
) -> Iterator[NDArray[np.float32]]:
    """Decode some frames of one file: ``(H, W)`` float32 each, rescaled, in the order asked for.

    Native pixels and RLE by pydicom; JPEG, JPEG-LS and JPEG 2000 by their plugins.

    Raises
    ------
    DicomError
        The pixels cannot be decoded, or are not finite once rescaled.
    """
    dataset = read_dataset(path, pixels=True, max_bytes=max_bytes)
    with parsing("pixel data"):
        stored = dataset.pixel_array
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    if (
        stored.size % (rows * columns)
        or stored.size < max(f.number for f in frames) * rows * columns
    ):
        raise DicomError(f"pixel data must be frames of {rows} x {columns}, got {stored.shape}")
    stored = stored.reshape(-1, rows, columns)
    for frame in frames:
        values = stored[frame.number - 1].astype(np.float32)
        values *= np.float32(frame.slope)
        values += np.float32(frame.intercept)
        if not np.isfinite(values).all():
            raise DicomError("rescaled pixels must be finite")
        yield values
