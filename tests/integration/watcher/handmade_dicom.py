"""DICOM written by hand, byte for byte, with false lengths and values: pydicom would not do it."""

from tests.integration.watcher.small_instances import CANARY, MR_IMAGE, uid

LITTLE = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
RLE = "1.2.840.10008.1.2.5"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
LONG = (b"OB", b"OW", b"SQ", b"UN")
OPEN_END = 0xFFFFFFFF
DELIMITER = b"\xfe\xff\xdd\xe0" + bytes(4)
FIELDS: dict[str, tuple[int, int, bytes]] = {
    "sop_class": (0x0008, 0x0016, b"UI"),
    "sop": (0x0008, 0x0018, b"UI"),
    "modality": (0x0008, 0x0060, b"CS"),
    "patient": (0x0010, 0x0010, b"PN"),
    "study": (0x0020, 0x000D, b"UI"),
    "series": (0x0020, 0x000E, b"UI"),
    "samples": (0x0028, 0x0002, b"US"),
    "frames": (0x0028, 0x0008, b"IS"),
    "rows": (0x0028, 0x0010, b"US"),
    "columns": (0x0028, 0x0011, b"US"),
    "allocated": (0x0028, 0x0100, b"US"),
}


def element(group: int, number: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    """One element, explicit VR little endian; `length` may be a false length."""
    said = len(value) if length is None else length
    head = group.to_bytes(2, "little") + number.to_bytes(2, "little") + vr
    if vr in LONG:
        return head + bytes(2) + said.to_bytes(4, "little") + value
    return head + said.to_bytes(2, "little") + value


def item(value: bytes, length: int | None = None) -> bytes:
    """One item of a sequence."""
    said = len(value) if length is None else length
    return b"\xfe\xff\x00\xe0" + said.to_bytes(4, "little") + value


def part10(body: bytes, syntax: str = LITTLE, sop_class: str = MR_IMAGE) -> bytes:
    """A file of a data set: preamble, group 2, and whatever `body` is."""
    meta = element(2, 2, b"UI", _even(sop_class)) + element(2, 0x10, b"UI", _even(syntax))
    return (
        bytes(128) + b"DICM" + element(2, 0, b"UL", len(meta).to_bytes(4, "little")) + meta + body
    )


def body(
    n: int, *, pixels: bytes | None = None, extra: bytes = b"", **changed: bytes | None
) -> bytes:
    """A data set of 8 x 8 pixels; `changed` has raw values of `FIELDS`, None leaves one out."""
    two = (8).to_bytes(2, "little")
    values: dict[str, bytes | None] = {
        "sop_class": _even(MR_IMAGE),
        "sop": _even(uid("hostile", n)),
        "modality": b"MR",
        "patient": CANARY.encode(),
        "study": _even(uid("hostile study", n)),
        "series": _even(uid("hostile series", n)),
        "samples": b"\x01\0",
        "frames": None,
        "rows": two,
        "columns": two,
        "allocated": b"\x10\0",
    }
    made = [
        element(*FIELDS[name], value)
        for name, value in (values | changed).items()
        if value is not None
    ]
    if pixels is None:
        pixels = element(0x7FE0, 0x10, b"OW", bytes(128))
    return b"".join(made) + extra + pixels


def dicom(n: int, *, syntax: str = LITTLE, **changed: bytes | None) -> bytes:
    """A whole file with one thing wrong: `pixels`, `extra` or a field of `body`."""
    return part10(body(n, **changed), syntax)  # type: ignore[arg-type]


def encapsulated(*fragments: bytes, closed: bool = True) -> bytes:
    """Pixel data in fragments, after an empty offset table."""
    items = b"".join(item(one) for one in (b"", *fragments))
    return element(0x7FE0, 0x10, b"OB", items + DELIMITER * closed, OPEN_END)


def jpeg_2000(rows: int, columns: int) -> bytes:
    """The beginning of a codestream that says how large it is."""
    size = columns.to_bytes(4, "big") + rows.to_bytes(4, "big") + bytes(8)
    return b"\xff\x4f\xff\x51\x00\x2f\x00\x00" + size + CANARY.encode() * 4


def nested(depth: int) -> bytes:
    """Sequences in sequences, without lengths: pydicom raises RecursionError over 3000."""
    one = element(0x0040, 0xA730, b"SQ", item(b"", OPEN_END), OPEN_END)
    return one * depth + (b"\xfe\xff\x0d\xe0" + bytes(4) + DELIMITER) * depth


def _even(text: str) -> bytes:
    return text.encode() + b"\0" * (len(text) % 2)
