"""The header pass: what a file in a watched folder is, read within bounds and without pydicom."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from imaging.codestream import RLE_LOSSLESS, longest_rle_frame
from imaging.fragments import pass_fragments
from imaging.opening import open_regular
from imaging.part10 import UNDEFINED_LENGTH, Element, ElementReader
from imaging.sources import InflatedSource, PlainSource, Source, TruncatedError
from metseg.errors import DicomError

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"
OWN_MANUFACTURER = "metseg"  # of the DICOM we write
REFERENCE_MODALITIES = ("SEG", "RTSTRUCT")
MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"

# Nobody deflates a larger series into one file; 204 kB can inflate to 400 MB.
MAX_INFLATED_BYTES = 1 << 28

# MR images, plain and enhanced: cut before their Rows they look like objects without pixels.
_IMAGES = frozenset({"1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"})

_UID = re.compile(r"[0-9.]{1,64}")

_TRANSFER_SYNTAX_UID = 0x00020010
_MEDIA_STORAGE_SOP_CLASS_UID = 0x00020002
_SOP_CLASS_UID = 0x00080016
_SOP_INSTANCE_UID = 0x00080018
_MODALITY = 0x00080060
_MANUFACTURER = 0x00080070
_STUDY_INSTANCE_UID = 0x0020000D
_SERIES_INSTANCE_UID = 0x0020000E
_SAMPLES_PER_PIXEL = 0x00280002
_NUMBER_OF_FRAMES = 0x00280008
_ROWS = 0x00280010
_COLUMNS = 0x00280011
_BITS_ALLOCATED = 0x00280100
_PIXELS = 0x7FE00010
_PIXEL_DATA = frozenset({0x7FE00008, 0x7FE00009, _PIXELS})
_WANTED = frozenset(
    {
        _SOP_CLASS_UID,
        _SOP_INSTANCE_UID,
        _MODALITY,
        _MANUFACTURER,
        _STUDY_INSTANCE_UID,
        _SERIES_INSTANCE_UID,
        _SAMPLES_PER_PIXEL,
        _NUMBER_OF_FRAMES,
        _ROWS,
        _COLUMNS,
        _BITS_ALLOCATED,
    }
)


class NotDicomError(DicomError):
    """No DICOM file at all: passed over, not quarantined."""

    code = "not_dicom"


class DicomdirError(NotDicomError):
    """An index of a medium (PS3.3 F), of no use here: passed over."""

    code = "dicomdir"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where in a file, not deflated, its data set begins, and its pixel data: the element and the
    value.
    """

    dataset: int
    pixels: int
    value: int
    is_native: bool
    """PixelData, not encapsulated."""


@dataclass(frozen=True, slots=True)
class InstanceHeader:
    """What the watcher knows of one file. UIDs match ``[0-9.]{1,64}``.

    `modality` and `manufacturer` may be empty; the latter may hold anything and is for comparison
    only. `layout` is None where the file is deflated or has no pixels. `refers_to` are studies and
    series that are named in its sequences, the first few.
    """

    sop_instance_uid: str
    sop_class_uid: str
    study_instance_uid: str
    series_instance_uid: str
    modality: str
    manufacturer: str
    transfer_syntax_uid: str
    number_of_frames: int
    has_pixels: bool
    size_bytes: int
    layout: Layout | None = None
    refers_to: tuple[str, ...] = ()


def read_header(path: Path, *, max_bytes: int) -> InstanceHeader:
    """Read the header of one file; pixel data are passed over and must be all there.

    A tail of zeros, as in a file allocated first and filled later, cannot be told from dark pixels.

    Parameters
    ----------
    max_bytes
        Of the file; what a deflated file inflates to is limited to that and to 256 MiB.

    Raises
    ------
    NotDicomError
        No ``DICM`` after the preamble; `DicomdirError` for a DICOMDIR.
    TruncatedError
        The file ends early, or holds less pixel data than its header promises.
    DicomError
        Not a regular file, too large, or not the DICOM it claims to be.
    OSError
        The file cannot be opened or read.
    """
    with open_regular(path, max_bytes) as (file, size):
        if file.read(132)[128:] != b"DICM":
            raise NotDicomError("file must hold DICM after a preamble of 128 bytes (PS3.10 7.1)")
        transfer_syntax = _read_meta(file, size)
        reader = _element_reader(file, size, transfer_syntax, max_bytes)
        start = reader.source.position
        values, pixels = _collect(reader)
        layout = _layout(reader.source, start, pixels)
        facts = _Facts(values, _order(transfer_syntax))
        _check_pixels(reader, facts, pixels, transfer_syntax)
        reader.source.finish()
    refers_to = tuple(dict.fromkeys(_uids(reader.found_within)))
    return _instance_header(facts, transfer_syntax, pixels, layout, size, refers_to)


def _layout(source: Source, start: int, pixels: Element | None) -> Layout | None:
    """Of a source that stands before the value of `pixels`."""
    if pixels is None or not isinstance(source, PlainSource):
        return None
    is_native = pixels.tag == _PIXELS and pixels.length != UNDEFINED_LENGTH
    return Layout(start, pixels.start, source.position, is_native)


def _instance_header(
    facts: "_Facts",
    transfer_syntax: str,
    pixels: Element | None,
    layout: Layout | None,
    size_bytes: int,
    refers_to: tuple[str, ...],
) -> InstanceHeader:
    return InstanceHeader(
        sop_instance_uid=facts.uid(_SOP_INSTANCE_UID, "SOPInstanceUID"),
        sop_class_uid=facts.uid(_SOP_CLASS_UID, "SOPClassUID"),
        study_instance_uid=facts.uid(_STUDY_INSTANCE_UID, "StudyInstanceUID"),
        series_instance_uid=facts.uid(_SERIES_INSTANCE_UID, "SeriesInstanceUID"),
        modality=facts.code(_MODALITY),
        manufacturer=facts.text(_MANUFACTURER),
        transfer_syntax_uid=transfer_syntax,
        number_of_frames=facts.frames(),
        has_pixels=pixels is not None,
        size_bytes=size_bytes,
        layout=layout,
        refers_to=refers_to,
    )


@dataclass(frozen=True, slots=True)
class _Facts:
    """Raw values of the wanted elements and how to read them."""

    values: dict[int, bytes]
    order: Literal["big", "little"]

    def text(self, tag: int) -> str:
        return self.values.get(tag, b"").decode("ascii", errors="replace").strip(" \0")

    def uid(self, tag: int, keyword: str) -> str:
        value = self.values.get(tag, b"").decode("ascii", errors="replace")
        return _checked_uid(value.rstrip(" \0"), keyword)  # PS3.5 6.2: none may stand before it

    def code(self, tag: int) -> str:
        value = self.text(tag)
        if value and not re.fullmatch(r"[A-Z0-9 _]{1,16}", value):  # PS3.5 6.2, CS
            raise DicomError("Modality must be a code string of at most 16 characters")
        return value

    def number(self, tag: int, default: int = 0) -> int:
        value = self.values.get(tag, b"")
        if len(value) < 2:
            return default
        return int.from_bytes(value[:2], self.order)

    def frames(self) -> int:
        text = self.text(_NUMBER_OF_FRAMES)
        if text and not re.fullmatch(r"\+?[0-9]{1,9}", text):
            raise DicomError("NumberOfFrames must be a positive integer")
        return max(1, int(text)) if text else 1


def _read_meta(file: BinaryIO, size: int) -> str:
    """Read group 2, always explicit VR little endian (PS3.10 7.1); leave the file after it."""
    values: dict[int, bytes] = {}
    reader = ElementReader(PlainSource(file, size), implicit=False)
    wanted = (_TRANSFER_SYNTAX_UID, _MEDIA_STORAGE_SOP_CLASS_UID)
    for element in reader.walk(wanted, lambda tag: tag >> 16 != 2):
        if element.value is None:
            file.seek(element.start)
        else:
            values[element.tag] = element.value
    facts = _Facts(values, "little")
    if facts.text(_MEDIA_STORAGE_SOP_CLASS_UID) == MEDIA_STORAGE_DIRECTORY:
        raise DicomdirError("file is a DICOMDIR")
    return facts.uid(_TRANSFER_SYNTAX_UID, "TransferSyntaxUID")


def _element_reader(
    file: BinaryIO, size: int, transfer_syntax: str, max_bytes: int
) -> ElementReader:
    source: Source = PlainSource(file, size)
    if transfer_syntax == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        source = InflatedSource(file, min(max_bytes, MAX_INFLATED_BYTES))
    return ElementReader(
        source,
        implicit=transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN,
        big_endian=_order(transfer_syntax) == "big",
        within=(_STUDY_INSTANCE_UID, _SERIES_INSTANCE_UID),
    )


def _order(transfer_syntax: str) -> Literal["big", "little"]:
    return "big" if transfer_syntax == EXPLICIT_VR_BIG_ENDIAN else "little"


def _collect(reader: ElementReader) -> tuple[dict[int, bytes], Element | None]:
    values: dict[int, bytes] = {}
    for element in reader.walk(_WANTED, _PIXEL_DATA.__contains__):
        if element.value is None:
            return values, element
        values[element.tag] = element.value
    return values, None


def _check_pixels(
    reader: ElementReader, facts: _Facts, pixels: Element | None, transfer_syntax: str
) -> None:
    """Pass over the pixel data: an image without all of them is truncated."""
    rows, columns = facts.number(_ROWS), facts.number(_COLUMNS)
    if pixels is None:
        if (rows and columns) or facts.text(_SOP_CLASS_UID) in _IMAGES:
            raise TruncatedError("an image must hold PixelData, got the end of the file")
        return
    samples, allocated = facts.number(_SAMPLES_PER_PIXEL, 1), facts.number(_BITS_ALLOCATED)
    if pixels.length == UNDEFINED_LENGTH:
        frame_bytes = rows * columns * samples * ((allocated + 7) // 8)
        longest = longest_rle_frame(frame_bytes) if transfer_syntax == RLE_LOSSLESS else None
        pass_fragments(reader, rows, columns, longest)
        return
    bits = rows * columns * min(2, samples) * allocated * facts.frames()  # 4:2:2 has two of three
    needed = (bits + 7) // 8
    if pixels.length < needed:
        raise TruncatedError(f"PixelData must hold {needed} bytes, got {pixels.length}")
    reader.source.skip(pixels.length)


def _uids(values: Iterable[bytes]) -> Iterator[str]:
    for value in values:
        text = value.decode("ascii", errors="replace").strip(" \0")
        if _UID.fullmatch(text):
            yield text


def _checked_uid(value: str, keyword: str) -> str:
    """The value is not in the message: a UID field of a hostile file may hold anything."""
    if not _UID.fullmatch(value):
        raise DicomError(f"{keyword} must match [0-9.]{{1,64}}, got {len(value)} other characters")
    return value
