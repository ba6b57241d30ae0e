"""From the stored pixels of instances to real values."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from imaging.dicom.files.codestream import RLE_LOSSLESS, check_frame, coded_precision
from imaging.dicom.files.headers import InstanceHeader
from imaging.dicom.files.parsing import parse_dataset, parsing
from imaging.dicom.pixels.bits import bits_of, take_bits
from imaging.dicom.pixels.encapsulated import part_frames
from imaging.dicom.pixels.padding import padding_of
from imaging.dicom.values.frames import Frame
from imaging.dicom.values.raw_values import whole_number
from metseg.errors import DicomError

_LITTLE_ENDIAN = frozenset({ImplicitVRLittleEndian, ExplicitVRLittleEndian})
LARGEST_VALUE = 1e12
"""Of a pixel: the sum of the squares of a whole volume still fits into 32 bits."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredFrames:
    """The stored values of one file, ``(F, H, W)``.

    `padded` marks declared padding, same shape, None where none is declared; `unfit` counts pixels
    whose cell holds more than BitsStored bits.
    """

    values: NDArray[Any]
    padded: NDArray[np.bool_] | None
    unfit: int


def read_pixels(
    path: Path, header: InstanceHeader, dataset: Dataset, *, last_frame: int = 1
) -> StoredFrames:
    """The stored values of one file, of at least `last_frame` frames.

    `header` is that of the header pass, and `dataset` the file without its pixels. RLE by pydicom;
    JPEG, JPEG-LS and JPEG 2000 by their plugins. `imaging.dicom.pixels.bits` says which bits are
    the pixel.

    Raises
    ------
    DicomError
        The pixels cannot be decoded.
    """
    with parsing("pixel data"):
        rows, columns = whole_number(dataset, "Rows"), whole_number(dataset, "Columns")
        layout = header.layout
        is_native = layout and layout.is_native and header.transfer_syntax_uid in _LITTLE_ENDIAN
        bits = bits_of(dataset) if is_native else None
        if layout and bits is not None:
            cells = _native(path, layout.value, dataset)
        else:
            cells, precision = _decoded(path, header)
            bits = bits_of(dataset, precision=precision) if cells.dtype.kind in "iu" else None
        values, unfit = (cells, 0) if bits is None else take_bits(cells, bits)
    if values.size % (rows * columns) or values.size < last_frame * rows * columns:
        raise DicomError(f"pixel data must be frames of {rows} x {columns}, got {values.shape}")
    padding = padding_of(dataset)
    padded = None if padding is None else padding.marks(cells, values, bits)
    if padded is not None:
        unfit = max(0, unfit - int(np.count_nonzero(padded)))
        padded = padded.reshape(-1, rows, columns)
    return StoredFrames(values.reshape(-1, rows, columns), padded, unfit)


def rescale(stored: NDArray[Any], frame: Frame, out: NDArray[np.float32]) -> None:
    """Write the real values of a frame's stored ones, ``(H, W)`` both, into `out`.

    Raises
    ------
    DicomError
        They are not finite, or too large to calculate with.
    """
    out[...] = stored
    if (frame.slope, frame.intercept) != (1.0, 0.0):
        with np.errstate(over="ignore", invalid="ignore"):
            out *= np.float32(frame.slope)
            out += np.float32(frame.intercept)
    if not np.abs(out).max(initial=0) <= LARGEST_VALUE:  # false for NaN too
        raise DicomError(f"rescaled pixels must be finite, and at most {LARGEST_VALUE:g}")


def _native(path: Path, start: int, dataset: Dataset) -> NDArray[Any]:
    """Cells ``(N,)`` of pixels that lie in the file as they are, from byte `start`: pydicom takes
    as long for these as for the whole header.
    """
    allocated = whole_number(dataset, "BitsAllocated")
    rows, columns = whole_number(dataset, "Rows"), whole_number(dataset, "Columns")
    count = rows * columns * whole_number(dataset, "NumberOfFrames", 1)
    with path.open("rb") as file:
        file.seek(start)
        return np.fromfile(file, f"<u{allocated // 8}", count)


def _decoded(path: Path, header: InstanceHeader) -> tuple[NDArray[Any], int | None]:
    """Cells as the codec gives them, and the bits of a sample that its codestream states."""
    dataset = parse_dataset(path, pixels=True, syntax=header.transfer_syntax_uid)
    precision = _check_encoded(dataset)
    dataset.pixel_array_options(
        raw=True,
        correct_unused_bits=False,
        apply_j2k_sign_correction=False,
        apply_jls_sign_correction=False,
    )
    return dataset.pixel_array, precision


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


def _check_encoded(dataset: Dataset) -> int | None:
    """Raise `DicomError` where an encapsulated frame would decode to more than its header says;
    encapsulate the frames again where the file does not say correctly where they begin.

    Returns the most bits that a sample of a codestream has; None for native pixels and RLE.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated:
        return None
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    samples, allocated = int(dataset.get("SamplesPerPixel", 1)), int(dataset.BitsAllocated)
    precisions = []
    for data in part_frames(dataset):
        check_frame(
            data,
            rows=rows,
            columns=columns,
            frame_bytes=rows * columns * samples * ((allocated + 7) // 8),
            syntax=syntax,
        )
        precisions.append(coded_precision(data) or 0 if syntax != RLE_LOSSLESS else 0)
    return max(precisions, default=0) or None
