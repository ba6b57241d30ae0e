"""The header of a NIfTI file, read within bounds and without nibabel."""

import zlib
from dataclasses import dataclass
from math import prod
from pathlib import Path
from struct import Struct, error
from typing import BinaryIO

from metseg.errors import ReferenceMaskError

HEADER_BYTES = 540
_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class NiftiHeader:
    """A NIfTI-1 or -2 in one file. `n_bytes` is how long it is, inflated."""

    version: int
    gzipped: bool
    shape: tuple[int, ...]
    n_bytes: int


def read_nifti_header(path: Path) -> NiftiHeader | None:
    """The header of a file, plain or gzipped, whatever its name; None where it is not NIfTI.

    Raises
    ------
    OSError
        The file cannot be opened or read.
    """
    with path.open("rb") as file:
        start = file.read(HEADER_BYTES)
        gzipped = start.startswith(_GZIP)
        if gzipped:
            file.seek(0)
            start = _inflate(file, HEADER_BYTES)
    return _parse(start, gzipped)


def nifti_bytes_of(path: Path, *, max_bytes: int) -> tuple[NiftiHeader, bytes]:
    """The header and, inflated, the bytes that it promises, and no more.

    Raises
    ------
    ReferenceMaskError
        The file is not NIfTI, shorter than its header says, or larger than `max_bytes`.
    OSError
        The file cannot be opened or read.
    """
    header = read_nifti_header(path)
    if header is None:
        raise ReferenceMaskError("segmentation must be NIfTI-1 or NIfTI-2 in one file")
    if header.n_bytes > max_bytes:
        raise ReferenceMaskError(
            f"segmentation must hold at most {max_bytes} bytes, its header says {header.n_bytes}"
        )
    with path.open("rb") as file:
        content = _inflate(file, header.n_bytes) if header.gzipped else file.read(header.n_bytes)
    if len(content) < header.n_bytes:
        raise ReferenceMaskError(
            f"segmentation must hold the {header.n_bytes} bytes that its header says, "
            f"got {len(content)}"
        )
    return header, content


def _inflate(file: BinaryIO, count: int) -> bytes:
    """At most the first `count` bytes; fewer where the data are broken or end."""
    inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
    parts: list[bytes] = []
    left = count
    try:
        while left > 0 and not inflate.eof:
            data = inflate.unconsumed_tail or file.read(_CHUNK)
            if not data:
                break
            parts.append(inflate.decompress(data, left))
            left -= len(parts[-1])
    except zlib.error:
        pass
    return b"".join(parts)


def _parse(start: bytes, gzipped: bool) -> NiftiHeader | None:
    for order in "<>":
        try:
            if start[344:348] == b"n+1\0" and Struct(f"{order}i").unpack_from(start)[0] == 348:
                dim = Struct(f"{order}8h").unpack_from(start, 40)
                bits, offset = (
                    Struct(f"{order}h").unpack_from(start, 72)[0],
                    Struct(f"{order}f").unpack_from(start, 108)[0],
                )
                return _header(1, gzipped, dim, bits, offset)
            if start[4:8] == b"n+2\0" and Struct(f"{order}i").unpack_from(start)[0] == 540:
                dim = Struct(f"{order}8q").unpack_from(start, 16)
                bits = Struct(f"{order}h").unpack_from(start, 14)[0]
                return _header(
                    2, gzipped, dim, bits, Struct(f"{order}q").unpack_from(start, 168)[0]
                )
        except (error, ValueError, OverflowError):
            return None
    return None


def _header(
    version: int, gzipped: bool, dim: tuple[int, ...], bits: int, offset: float
) -> NiftiHeader | None:
    """`dim` counts its axes first; all of them are at least 1, and so are the bits."""
    axes = dim[0]
    shape = tuple(int(n) for n in dim[1 : axes + 1]) if 1 <= axes <= 7 else ()
    if not shape or min(shape) < 1 or bits < 1 or offset < 0:
        return None
    return NiftiHeader(version, gzipped, shape, int(offset) + (prod(shape) * bits + 7) // 8)
