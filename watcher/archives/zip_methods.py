"""Members of a zip whose method zipfile does not know: Deflate64, Zstandard, XZ."""

import copy
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, cast

from backports import zstd
from inflate64 import Inflater

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BY_ZIPFILE = frozenset(
    {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
)
PACKED_BYTES = 512
"""Given to the inflater at once: they become 14 MB at most."""
_PIECE = bytearray(PACKED_BYTES)
"""One buffer for all: inflate64 1.0 never frees what it was given."""


class _Deflate64(io.RawIOBase):
    """The bytes that a Deflate64 stream unpacks to; EOFError when it ends early."""

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed, self._inflater = packed, Inflater()
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, target: "WriteableBuffer") -> int:
        while not self._ready and not self._inflater.eof:
            self._ready = memoryview(self._inflater.inflate(self._next_piece()))
        into = memoryview(target).cast("B")
        size = min(len(into), len(self._ready))
        into[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _next_piece(self) -> bytes | bytearray:
        piece = self._packed.read(PACKED_BYTES)
        if not piece:
            raise EOFError
        if len(piece) < PACKED_BYTES:
            return piece
        _PIECE[:] = piece
        return _PIECE


class _Checked(io.RawIOBase):
    """A member's bytes; BadZipFile at their end when they are too many or not as the zip says."""

    def __init__(self, unpacked: Any, info: zipfile.ZipInfo) -> None:
        self._unpacked = unpacked
        self._left, self._expected, self._crc = info.file_size, info.CRC, 0

    def readable(self) -> bool:
        return True

    def readinto(self, target: "WriteableBuffer") -> int:
        into = memoryview(target).cast("B")
        size: int = self._unpacked.readinto(into)
        self._crc = zlib.crc32(into[:size], self._crc)
        self._left -= size
        if self._left < 0 or (not size and (self._left or self._crc != self._expected)):
            raise zipfile.BadZipFile
        return size

    def close(self) -> None:
        self._unpacked.close()
        super().close()


_UNPACKERS: dict[int, Callable[[IO[bytes]], Any]] = {
    9: _Deflate64,
    20: zstd.ZstdFile,  # what was Zstandard before APPNOTE 6.3.8
    93: zstd.ZstdFile,
    95: lzma.LZMAFile,
}
READ = BY_ZIPFILE | _UNPACKERS.keys()
"""Methods that `open_member` reads (APPNOTE 4.4.5)."""
NAMES = {
    1: "Shrink",
    2: "Reduce",
    3: "Reduce",
    4: "Reduce",
    5: "Reduce",
    6: "Implode",
    10: "TERSE",
    18: "TERSE",
    19: "LZ77",
    94: "MP3",
    96: "JPEG",
    97: "WavPack",
    98: "PPMd",
    99: "AES",
}
"""Names of other methods."""


def open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    """The bytes of a member whose method is one of `READ`; size and CRC are checked on the way.

    Raises
    ------
    zipfile.BadZipFile
        And whatever the decompressors raise, when reading too.
    """
    unpacker = _UNPACKERS.get(info.compress_type)
    if unpacker is None:
        return archive.open(info)
    packed = copy.copy(info)
    packed.compress_type, packed.file_size = zipfile.ZIP_STORED, info.compress_size
    packed.CRC = None  # type: ignore[assignment]  # zipfile then checks none
    return cast("IO[bytes]", _Checked(unpacker(archive.open(packed)), info))
