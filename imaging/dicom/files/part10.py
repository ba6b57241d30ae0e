"""A bounded, forward-only walk over the elements of a DICOM file (PS3.10, PS3.5).

pydicom reads the files that are processed. This walk serves the header pass over whatever lies in a
watched folder: it keeps only wanted values, holds a constant amount of memory, and imports nothing
heavy.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from struct import Struct

from imaging.dicom.files.sources import Source, TruncatedError
from metseg.errors import DicomError

UNDEFINED_LENGTH = 0xFFFFFFFF
ITEM = 0xFFFEE000
ITEM_DELIMITER = 0xFFFEE00D
SEQUENCE_DELIMITER = 0xFFFEE0DD

# PS3.5 7.1.2: these have two reserved bytes and a length of four.
_LONG_VRS = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)

# Implicit VR does not mark a sequence of known length. These lead to the series of a segmentation:
# ReferencedSeries, StudiesContainingOtherReferencedInstances, ReferencedFrameOfReference,
# RTReferencedStudy, RTReferencedSeries.
_LEADING = frozenset({0x00081115, 0x00081200, 0x30060010, 0x30060012, 0x30060014})

MAX_DEPTH = 32  # real files nest about five sequences deep
# An enhanced MR of 10 000 frames holds about one million; pydicom needs 650 bytes for each.
MAX_ELEMENTS = 1_000_000
MAX_VALUE_BYTES = 1 << 16  # of a value that is kept: wanted ones are identifiers and numbers
MAX_WITHIN = 16  # a segmentation names the series that it is of


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
    """Walks the elements of one data set in one encoding.

    Values of the tags `within` sequences are gathered in `found_within`, the first few.
    """

    def __init__(
        self,
        source: Source,
        *,
        implicit: bool,
        big_endian: bool = False,
        within: Collection[int] = (),
    ) -> None:
        order = ">" if big_endian else "<"
        self.source = source
        self.found_within: list[bytes] = []
        self._within = within
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

    def fragments(self) -> Iterator[int]:
        """Yield the length of each item of encapsulated pixel data, to the delimiter (PS3.5 A.4).

        The caller reads or skips exactly that many bytes before the next.
        """
        while (head := self._head(implicit=True)) is not None:
            tag, _, length = head
            if tag == SEQUENCE_DELIMITER:
                return
            if tag != ITEM or length == UNDEFINED_LENGTH:
                raise DicomError(f"encapsulated pixel data must be items, got ({tag:08X})")
            yield length
        raise TruncatedError("encapsulated pixel data must end with a delimiter")

    def _pass(self, tag: int, vr: bytes, length: int, *, keep: bool) -> bytes | None:
        """Pass over the value of an element; return it if it is kept."""
        if _is_sequence(tag, vr, length):
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
        if _is_sequence(tag, vr, length):
            return self._open(vr, length, frame.implicit)
        if tag in self._within and len(self.found_within) < MAX_WITHIN:
            self.found_within.append(self._value(tag, length))
        else:
            self.source.skip(length)
        return None

    def _open(self, vr: bytes, length: int, implicit: bool) -> _Frame:
        end = None if length == UNDEFINED_LENGTH else self.source.position + length
        # PS3.5 6.2.2: a sequence of unknown VR and undefined length holds implicit VR.
        return _Frame(is_sequence=True, implicit=implicit or vr == b"UN", end=end)


def _is_sequence(tag: int, vr: bytes, length: int) -> bool:
    return length == UNDEFINED_LENGTH or vr == b"SQ" or (not vr and tag in _LEADING)
