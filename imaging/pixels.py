"""Stored pixels of instances to real values."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from imaging.codestream import check_frame
from imaging.frames import Frame
from imaging.headers import InstanceHeader
from imaging.parsing import parse_dataset, parsing
from imaging.raw_values import whole_number
from metseg.errors import DicomError

_LITTLE_ENDIAN = frozenset({ImplicitVRLittleEndian, ExplicitVRLittleEndian})


def read_pixels(
    path: Path, header: InstanceHeader, dataset: Dataset, *, last_frame: int = 1
) -> NDArray[Any]:
    """The stored values of one file, ``(F, H, W)``, at least so many frames.

    `header` is that of the header pass, and `dataset` the file without its pixels. RLE by pydicom;
    JPEG, JPEG-LS and JPEG 2000 by their plugins.

    Raises
    ------
    DicomError
        The pixels cannot be decoded.
    """
    with parsing("pixel data"):
        rows, columns = whole_number(dataset, "Rows"), whole_number(dataset, "Columns")
        layout = header.layout
        if layout and layout.is_native and header.transfer_syntax_uid in _LITTLE_ENDIAN:
            stored = _native(path, layout.value, dataset)
        else:
            stored = _decoded(path)
    if stored.size % (rows * columns) or stored.size < last_frame * rows * columns:
        raise DicomError(f"pixel data must be frames of {rows} x {columns}, got {stored.shape}")
    return stored.reshape(-1, rows, columns)


def rescale(stored: NDArray[Any], frame: Frame, out: NDArray[np.float32]) -> None:
    """Write the real values of a frame's stored ones, ``(H, W)`` both, into `out`.

    Raises
    ------
    DicomError
        They are not finite.
    """
    out[...] = stored
    if (frame.slope, frame.intercept) != (1.0, 0.0):
        out *= np.float32(frame.slope)
        out += np.float32(frame.intercept)
    if not np.isfinite(out).all():
        raise DicomError("rescaled pixels must be finite")


def _native(path: Path, start: int, dataset: Dataset) -> NDArray[Any]:
    """Stored values ``(N,)`` of pixels that lie in the file as they are: pydicom takes as long for
    these as for the whole header.
    """
    allocated = whole_number(dataset, "BitsAllocated")
    unused = allocated - whole_number(dataset, "BitsStored")
    signed = whole_number(dataset, "PixelRepresentation", -1)
    if allocated not in (8, 16, 32) or not 0 <= unused < allocated or signed not in (0, 1):
        return _decoded(path)
    rows, columns = whole_number(dataset, "Rows"), whole_number(dataset, "Columns")
    count = rows * columns * whole_number(dataset, "NumberOfFrames", 1)
    with path.open("rb") as file:
        file.seek(start)
        values = np.fromfile(file, f"<{'ui'[signed]}{allocated // 8}", count)
    if unused:  # PS3.5 8.1.1: what these bits hold is no pixel, and the sign is to be carried up
        values <<= unused
        values >>= unused
    return values


def _decoded(path: Path) -> NDArray[Any]:
    dataset = parse_dataset(path, pixels=True)
    _check_encoded(dataset)
    return dataset.pixel_array


def decoded_frames(dataset: Dataset) -> Iterator[NDArray[Any]]:
    """The stored values of each frame ``(H, W)``, one at a time.

    Raises
    ------
    DicomError
        A frame would decode to more than its header says.
    Exception
        Whatever pydicom raises over pixels it cannot decode.
    """
    _check_encoded(dataset)
    is_native = dataset.file_meta.TransferSyntaxUID in _LITTLE_ENDIAN
    return _packed(dataset) if is_native and dataset.BitsAllocated == 1 else iter_pixels(dataset)


def _packed(dataset: Dataset) -> Iterator[NDArray[np.uint8]]:
    """Frames of single bits that follow each other without a gap (PS3.5 8.1.1).

    pydicom 3.0.2 loses the last bits of a frame that begins within a byte and ends in one more.
    """
    rows, columns = whole_number(dataset, "Rows"), whole_number(dataset, "Columns")
    frames = whole_number(dataset, "NumberOfFrames", 1)
    stored = np.frombuffer(dataset.PixelData, np.uint8)
    for start in range(0, frames * rows * columns, rows * columns):
        touched = stored[start // 8 : -(-(start + rows * columns) // 8)]
        bits = np.unpackbits(touched, bitorder="little")[start % 8 :]
        yield bits[: rows * columns].reshape(rows, columns)


def _check_encoded(dataset: Dataset) -> None:
    """Raise `DicomError` where an encapsulated frame would decode to more than its header says."""
    syntax = dataset.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated:
        return
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    samples, allocated = int(dataset.get("SamplesPerPixel", 1)), int(dataset.BitsAllocated)
    frames = generate_frames(
        dataset.PixelData,
        number_of_frames=int(dataset.get("NumberOfFrames") or 1),
        extended_offsets=_extended_offsets(dataset),
    )
    for data in frames:
        check_frame(
            data,
            rows=rows,
            columns=columns,
            frame_bytes=rows * columns * samples * ((allocated + 7) // 8),
            syntax=syntax,
        )


def _extended_offsets(dataset: Dataset) -> tuple[bytes, bytes] | None:
    if "ExtendedOffsetTable" not in dataset:
        return None
    return dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths
