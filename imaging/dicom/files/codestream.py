"""How large an encapsulated frame will be once decoded, known before it is decoded.

Decoders allocate what a codestream says about itself: a file of a kilobyte may ask for many
gigabytes.
"""

from metseg.errors import DicomError

RLE_LOSSLESS = "1.2.840.10008.1.2.5"
RLE_HEADER_BYTES = 64
RLE_GROWTH = 2
"""The worst case of PackBits is 129/128; a longer frame inflates up to 64 times (PS3.5 G)."""
JPEG_2000 = "1.2.840.10008.1.2.4.91"
MOST_RLE_SEGMENTS = 15
JPEG_START = b"\xff\xd8"
JPEG_2000_START = b"\xff\x4f\xff\x51"
JP2_BYTES = 1 << 12
"""Some writers wrap a JPEG 2000 codestream into a JP2 file of a few boxes."""

_START_OF_FRAME = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
_JPEG_BY_FRAME = {
    0xC0: "1.2.840.10008.1.2.4.50",
    0xC1: "1.2.840.10008.1.2.4.51",
    0xC3: "1.2.840.10008.1.2.4.57",
    0xF7: "1.2.840.10008.1.2.4.81",
}
"""Baseline, extended, lossless, JPEG-LS; by the marker of the frame header."""
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})


def coded_size(data: bytes) -> tuple[int, int] | None:
    """Rows and columns that a JPEG, JPEG-LS or JPEG 2000 codestream says it has.

    `data` is its beginning. None when it is not such a codestream, or when its frame header is not
    among these bytes (ISO/IEC 10918-1 B.2.2, 14495-1 C.2.2, 15444-1 A.5.1).
    """
    if data.startswith(JPEG_START):
        return _jpeg_size(data)
    start = data.find(JPEG_2000_START, 0, JP2_BYTES)
    if start < 0 or len(data) < start + 24:
        return None
    right, bottom, left, top = (
        int.from_bytes(data[at : at + 4], "big") for at in range(start + 8, start + 24, 4)
    )
    return bottom - top, right - left


def coded_precision(data: bytes) -> int | None:
    """Bits of a sample that a JPEG, JPEG-LS or JPEG 2000 codestream says it has; None as in
    `coded_size`.
    """
    if data.startswith(JPEG_START):
        at = _jpeg_frame(data)
        return None if at is None else data[at + 4]
    start = data.find(JPEG_2000_START, 0, JP2_BYTES)
    if start < 0 or len(data) <= start + 42:
        return None
    return (data[start + 42] & 0x7F) + 1  # Ssiz of the first component, its sign above


def coded_syntax(data: bytes) -> str | None:
    """The transfer syntax of a frame that begins so; None where nobody can tell."""
    if JPEG_2000_START in data[:JP2_BYTES]:
        return JPEG_2000
    if data.startswith(JPEG_START):
        at = _jpeg_frame(data)
        return None if at is None else _JPEG_BY_FRAME.get(data[at + 1])
    segments, first = (int.from_bytes(data[at : at + 4], "little") for at in (0, 4))
    return (
        RLE_LOSSLESS if 1 <= segments <= MOST_RLE_SEGMENTS and first == RLE_HEADER_BYTES else None
    )


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = _jpeg_frame(data)
    if at is None:
        return None
    rows, columns = data[at + 5 : at + 7], data[at + 7 : at + 9]
    return int.from_bytes(rows, "big"), int.from_bytes(columns, "big")


def _jpeg_frame(data: bytes) -> int | None:
    """Where the frame header begins."""
    at = len(JPEG_START)
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _START_OF_FRAME:
            return at
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _STANDALONE:
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def check_coded_size(data: bytes, rows: int, columns: int) -> None:
    """Raise `DicomError` where the beginning of a codestream states another size."""
    found = coded_size(data)
    if found is not None and found != (rows, columns):
        raise DicomError(
            f"an encapsulated frame must be {rows} x {columns}, got {found[0]} x {found[1]}"
        )


def longest_rle_frame(frame_bytes: int) -> int:
    """The most bytes that an RLE frame may have that decodes to `frame_bytes`."""
    return RLE_GROWTH * frame_bytes + RLE_HEADER_BYTES


def check_frame(data: bytes, *, rows: int, columns: int, frame_bytes: int, syntax: str) -> None:
    """Check one whole encoded frame before it is given to a decoder.

    Raises
    ------
    DicomError
        It would decode to more than `rows` x `columns`, or its size is unknown.
    """
    if syntax == RLE_LOSSLESS:
        longest = longest_rle_frame(frame_bytes)
        if len(data) > longest:
            raise DicomError(f"an RLE frame must have at most {longest} bytes, got {len(data)}")
        return
    if coded_size(data) is None:
        raise DicomError("an encapsulated frame must be a JPEG codestream with a frame header")
    check_coded_size(data, rows, columns)
