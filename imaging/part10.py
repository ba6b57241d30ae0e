"""A bounded, forward-only walk over the elements of a DICOM file (PS3.10, PS3.5).

pydicom reads the files that are processed. This walk serves the header pass over whatever lies in a
watched folder: it keeps only wanted values, holds a constant amount of memory, and imports nothing
heavy.
"""

import zlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from struct import Struct
from typing import BinaryIO, Protocol

from metseg.errors import DicomError


class TruncatedError(DicomError):
    """The file ends before its elements do."""

    code = "dicom_truncated"


UNDEFINED_LENGTH = 0xFFFFFFFF
ITEM = 0xFFFEE000
ITEM_DELIMITER = 0xFFFEE00D
SEQUENCE_DELIMITER = 0xFFFEE0DD

# PS3.5 7.1.2: these have two reserved bytes and a length of four.
_LONG_VRS = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)

MAX_DEPTH = 32  # real files nest about five sequences deep
MAX_ELEMENTS = 4_000_000  # an enhanced MR of 10 000 frames holds about one million
MAX_VALUE_BYTES = 1 << 16  # of a value that is kept: wanted ones are identifiers and numbers
_CHUNK = 1 << 16


class Source(Protocol):
    """Bytes that can only be read forward. `read` returns less than asked for at the end."""

    position: int

    def read(self, count: int) -> bytes: ...

    def skip(self, count: int) -> None: ...


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


class InflatedSource:
    """The rest of an open file, inflated as it is read (PS3.5 A.5), up to `max_bytes`."""

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._ready = b""
        self.position = 0

    def read(self, count: int) -> bytes:
        parts: list[bytes] = []
        missing = count
        while missing > 0 and (self._ready or self._fill()):
            parts.append(self._ready[:missing])
            self._ready = self._ready[missing:]
            missing -= len(parts[-1])
        self.position += count - missing
        if self.position > self._max_bytes:
            raise DicomError(f"deflated file must inflate to at most {self._max_bytes} bytes")
        return b"".join(parts)

    def skip(self, count: int) -> None:
        """Raises `TruncatedError` beyond the end of the data."""
        while count > 0:
            got = len(self.read(min(count, _CHUNK)))
            if got == 0:
                raise TruncatedError(
                    "deflated file must hold all of its elements: it ends within one"
                )
            count -= got

    def _fill(self) -> bool:
        while not self._ready and not self._inflate.eof:
            data = self._inflate.unconsumed_tail or self._file.read(_CHUNK)
            if not data:
                return False
            try:
                self._ready = self._inflate.decompress(data, _CHUNK)
            except zlib.error as error:
                raise DicomError("deflated file must be valid deflate data") from error
        return bool(self._ready)


@dataclass(frozen=True, slots=True)
class Element:
    """An element at the top level; `start` is the position of its tag. No value where the walk
    stopped.
    """

    tag: int
    length: int
    start: int
    value: bytes | None


@dataclass(slots=True)
class _Frame:
    """An open sequence or item; `end` is None where a delimiter ends it."""

    is_sequence: bool
    implicit: bool
    end: int | None


class ElementReader:
    """Walks the elements of one data set in one encoding."""

    def __init__(self, source: Source, *, implicit: bool, big_endian: bool = False) -> None:
        order = ">" if big_endian else "<"
        self.source = source
        self._implicit = implicit
        self._tag = Struct(f"{order}HH")
        self._short = Struct(f"{order}H")
        self._long = Struct(f"{order}L")
        self._count = 0

    def walk(self, wanted: Collection[int], stop: Callable[[int], bool]) -> Iterator[Element]:
        """Yield wanted elements with their values, then the first that `stop` is true for, before
        its value.

        Raises `TruncatedError` where the data end within an element, and `DicomError` where a limit
        is broken.
        """
        start = self.source.position
        while (head := self._head(self._implicit)) is not None:
            tag, vr, length = head
            if stop(tag):
                yield Element(tag, length, start, None)
                return
            value = self._pass(tag, vr, length, keep=tag in wanted)
            if value is not None:
                yield Element(tag, length, start, value)
            start = self.source.position

    def skip_fragments(self) -> None:
        """Pass over encapsulated pixel data, to its delimiter (PS3.5 A.4)."""
        while (head := self._head(implicit=True)) is not None:
            tag, _, length = head
            if tag == SEQUENCE_DELIMITER:
                return
            if tag != ITEM or length == UNDEFINED_LENGTH:
                raise DicomError(f"encapsulated pixel data must be items, got ({tag:08X})")
            self.source.skip(length)
        raise TruncatedError("encapsulated pixel data must end with a delimiter")

    def _pass(self, tag: int, vr: bytes, length: int, *, keep: bool) -> bytes | None:
        """Pass over the value of an element; give it if it is kept."""
        if length == UNDEFINED_LENGTH or vr == b"SQ":
            self._skip_sequence(vr, length)
        elif keep:
            return self._value(tag, length)
        else:
            self.source.skip(length)
        return None

    def _value(self, tag: int, length: int) -> bytes:
        if length > MAX_VALUE_BYTES:
            raise DicomError(f"({tag:08X}) must be at most {MAX_VALUE_BYTES} bytes, got {length}")
        value = self.source.read(length)
        if len(value) < length:
            raise TruncatedError(f"({tag:08X}) must hold {length} bytes, got {len(value)}")
        return value

    def _head(self, implicit: bool) -> tuple[int, bytes, int] | None:
        """Tag, VR and length; None at the end of the data."""
        self._count += 1
        if self._count > MAX_ELEMENTS:
            raise DicomError(f"file must hold at most {MAX_ELEMENTS} elements")
        head = self.source.read(8)
        if not head:
            return None
        if len(head) < 8 or head == bytes(8):
            raise TruncatedError("file must end with an element, got a remainder or zeros")
        group, element = self._tag.unpack_from(head)
        tag = group << 16 | element
        vr = head[4:6]
        if implicit or group == 0xFFFE or not (vr.isalpha() and vr.isupper()):
            return tag, b"", self._long.unpack_from(head, 4)[0]
        if vr not in _LONG_VRS:
            return tag, vr, self._short.unpack_from(head, 6)[0]
        length = self.source.read(4)
        if len(length) < 4:
            raise TruncatedError(f"({tag:08X}) must have a length, got the end of the file")
        return tag, vr, self._long.unpack(length)[0]

    def _skip_sequence(self, vr: bytes, length: int) -> None:
        """Pass over a sequence and all within, without recursion."""
        stack = [self._open(vr, length, self._implicit)]
        while stack:
            frame = stack[-1]
            if frame.end is not None and self.source.position >= frame.end:
                stack.pop()
                continue
            if len(stack) > 2 * MAX_DEPTH:
                raise DicomError(f"sequences must nest at most {MAX_DEPTH} deep")
            head = self._head(frame.implicit)
            if head is None:
                raise TruncatedError(
                    "a sequence must end with a delimiter, got the end of the file"
                )
            opened = self._enter(frame, *head)
            if opened is not None:
                stack.append(opened)
            elif head[0] in (ITEM_DELIMITER, SEQUENCE_DELIMITER):
                stack.pop()

    def _enter(self, frame: _Frame, tag: int, vr: bytes, length: int) -> _Frame | None:
        """Open what a head opens; otherwise skip its value."""
        if tag in (ITEM_DELIMITER, SEQUENCE_DELIMITER):
            return None
        if frame.is_sequence:
            if tag != ITEM:
                raise DicomError(f"a sequence must hold items, got ({tag:08X})")
            end = None if length == UNDEFINED_LENGTH else self.source.position + length
            return _Frame(is_sequence=False, implicit=frame.implicit, end=end)
        if length == UNDEFINED_LENGTH or vr == b"SQ":
            return self._open(vr, length, frame.implicit)
        self.source.skip(length)
        return None

    def _open(self, vr: bytes, length: int, implicit: bool) -> _Frame:
        end = None if length == UNDEFINED_LENGTH else self.source.position + length
        # PS3.5 6.2.2: a sequence of unknown VR and undefined length holds implicit VR.
        return _Frame(is_sequence=True, implicit=implicit or vr == b"UN", end=end)
