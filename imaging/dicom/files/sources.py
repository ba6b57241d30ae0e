"""Bytes of a DICOM file, plain or deflated, that are read once and forward."""

import zlib
from typing import BinaryIO, Protocol

from metseg.errors import DicomError

_CHUNK = 1 << 16

# Binary masks inflate a thousand times, but no mask of a head is as large as that.
INFLATION_FROM_BYTES = 1 << 26
MAX_INFLATION = 100


class TruncatedError(DicomError):
    """The file ends before its elements do."""

    code = "dicom_truncated"


class Source(Protocol):
    """Bytes that can only be read forward. `read` returns less than asked for at the end."""

    position: int

    def read(self, count: int) -> bytes: ...

    def skip(self, count: int) -> None: ...

    def finish(self) -> None: ...


class PlainSource:
    """The rest of an open file of `size` bytes."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self.position = file.tell()

    def read(self, count: int) -> bytes:
        data = self._file.read(count) if self.position < self._size else b""
        self.position += len(data)
        return data

    def skip(self, count: int) -> None:
        """Raises `TruncatedError` beyond the end of the file."""
        self.position += count
        if self.position > self._size:
            raise TruncatedError(
                f"file must hold all of its elements: it ends at byte {self._size}, "
                f"an element at byte {self.position}"
            )
        self._file.seek(self.position)

    def finish(self) -> None:
        """Does nothing: whoever reads the whole file reads no more than its size."""


class InflatedSource:
    """The rest of an open file, inflated as it is read (PS3.5 A.5), up to `max_bytes`."""

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._ready = b""
        self._packed = 0
        self.position = 0

    def read(self, count: int) -> bytes:
        parts: list[bytes] = []
        missing = count
        while missing > 0 and (self._ready or self._fill()):
            parts.append(self._ready[:missing])
            self._ready = self._ready[missing:]
            missing -= len(parts[-1])
        self.position += count - missing
        self._check_size()
        return b"".join(parts)

    def _check_size(self) -> None:
        if self.position > self._max_bytes:
            raise DicomError(f"deflated file must inflate to at most {self._max_bytes} bytes")
        if self.position > INFLATION_FROM_BYTES and self.position > MAX_INFLATION * self._packed:
            raise DicomError(f"deflated file must inflate at most {MAX_INFLATION} times")

    def skip(self, count: int) -> None:
        """Raises `TruncatedError` beyond the end of the data."""
        while count > 0:
            got = len(self.read(min(count, _CHUNK)))
            if got == 0:
                raise TruncatedError(
                    "deflated file must hold all of its elements: it ends within one"
                )
            count -= got

    def finish(self) -> None:
        """Inflate the rest within the limits: whoever inflates the whole file gets it too."""
        while self.read(_CHUNK):
            pass

    def _fill(self) -> bool:
        while not self._ready and not self._inflate.eof:
            data = self._inflate.unconsumed_tail
            if not data:
                data = self._file.read(_CHUNK)
                self._packed += len(data)
            if not data:
                return False
            try:
                self._ready = self._inflate.decompress(data, _CHUNK)
            except zlib.error as error:
                raise DicomError("deflated file must be valid deflate data") from error
        return bool(self._ready)
