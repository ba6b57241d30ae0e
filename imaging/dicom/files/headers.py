"""The header pass: what a file in a watched folder is, read within bounds and without pydicom."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from imaging.dicom.files.codestream import RLE_LOSSLESS, longest_rle_frame
from imaging.dicom.files.encoding import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    ByteOrder,
    DataSetStart,
    NotDicomError,
    byte_order,
    coded_as,
    find_data_set,
)
from imaging.dicom.files.fragments import pass_fragments
from imaging.dicom.files.opening import open_regular
from imaging.dicom.files.part10 import UNDEFINED_LENGTH, Element, ElementReader
from imaging.dicom.files.sources import InflatedSource, PlainSource, Source, TruncatedError
from imaging.dicom.files.uids import checked_uid, uid_text, valid_uids
from metseg.errors import DicomError

OWN_MANUFACTURER = "metseg"  # of the DICOM we write
REFERENCE_MODALITIES = ("SEG", "RTSTRUCT")

# Nobody deflates a larger series into one file; 204 kB can inflate to 400 MB.
MAX_INFLATED_BYTES = 1 << 28

# MR images, plain and enhanced: cut before their Rows they look like objects without pixels.
_IMAGES = frozenset({"1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"})

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


@dataclass(frozen=True, slots=True)
class PixelLayout:
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

    `transfer_syntax_uid` is that of the data set, whatever the meta information says
    (`imaging.dicom.files.encoding`). `modality` and `manufacturer` may be empty; the latter may
    hold anything and is for comparison only. `layout` is None where the file is deflated or has no
    pixels. `refers_to` are studies and series that are named in its sequences, the first few.
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
    layout: PixelLayout | None = None
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
        Neither ``DICM`` after the preamble nor a bare data set; `DicomdirError` for a DICOMDIR.
    TruncatedError
        The file ends early, or holds less pixel data than its header promises.
    DicomError
        Not a regular file, too large, or not the DICOM it claims to be.
    OSError
        The file cannot be opened or read.
    """
    with open_regular(path, max_bytes) as (file, size):
        start = find_data_set(file, size)
        reader = _element_reader(file, size, start.transfer_syntax_uid, max_bytes)
        values: dict[int, bytes] = {}
        try:
            return _read_data_set(reader, start, values, size)
        except DicomError:
            if start.is_bare and not uid_text(values.get(_SOP_CLASS_UID, b"")).startswith("1.2."):
                raise NotDicomError("file must hold DICM after a preamble, or a data set") from None
            raise


def _read_data_set(
    reader: ElementReader, start: DataSetStart, values: dict[int, bytes], size: int
) -> InstanceHeader:
    """The header of a file whose `reader` stands where its data set begins; `values` is filled."""
    began = reader.source.position
    pixels = _collect(reader, values)
    layout = _layout(reader.source, began, pixels)
    facts = _Facts(values, byte_order(start.transfer_syntax_uid))
    syntax = start.transfer_syntax_uid
    if pixels is None:
        _check_pixelless(facts)
    else:
        syntax = coded_as(syntax, _pass_pixels(reader, facts, pixels, syntax))
    reader.source.finish()
    refers_to = tuple(dict.fromkeys(valid_uids(reader.found_within)))
    return _instance_header(facts, syntax, pixels, layout, size, refers_to)


def _layout(source: Source, start: int, pixels: Element | None) -> PixelLayout | None:
    """The layout of a file, from a source that stands before the value of `pixels`."""
    if pixels is None or not isinstance(source, PlainSource):
        return None
    is_native = pixels.tag == _PIXELS and pixels.length != UNDEFINED_LENGTH
    return PixelLayout(start, pixels.start, source.position, is_native)


def _instance_header(
    facts: "_Facts",
    transfer_syntax: str,
    pixels: Element | None,
    layout: PixelLayout | None,
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
    order: ByteOrder

    def text(self, tag: int) -> str:
        return self.values.get(tag, b"").decode("ascii", errors="replace").strip(" \0")

    def uid(self, tag: int, keyword: str) -> str:
        return checked_uid(self.values.get(tag, b""), keyword)

    def code(self, tag: int) -> str:
        value = self.text(tag).upper()
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
        if text and not re.fullmatch(r"\+?[0-9]{1,9}(?:\.0*)?", text):
            raise DicomError("NumberOfFrames must be a positive integer")
        return max(1, int(float(text))) if text else 1


def _element_reader(
    file: BinaryIO, size: int, transfer_syntax: str, max_bytes: int
) -> ElementReader:
    source: Source = PlainSource(file, size)
    if transfer_syntax == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        source = InflatedSource(file, min(max_bytes, MAX_INFLATED_BYTES))
    return ElementReader(
        source,
        implicit=transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN,
        big_endian=byte_order(transfer_syntax) == "big",
        within=(_STUDY_INSTANCE_UID, _SERIES_INSTANCE_UID),
    )


def _collect(reader: ElementReader, values: dict[int, bytes]) -> Element | None:
    """Gather the wanted values up to the pixel data, and return their element."""
    for element in reader.walk(_WANTED, _PIXEL_DATA.__contains__):
        if element.value is None:
            return element
        values[element.tag] = element.value
    return None


def _check_pixelless(facts: _Facts) -> None:
    """Raise `TruncatedError` where a file without pixel data is an image."""
    has_size = facts.number(_ROWS) and facts.number(_COLUMNS)
    if has_size or facts.text(_SOP_CLASS_UID) in _IMAGES:
        raise TruncatedError("an image must hold PixelData, got the end of the file")


def _pass_pixels(
    reader: ElementReader, facts: _Facts, pixels: Element, transfer_syntax: str
) -> bytes | None:
    """Pass over the pixel data: an image without all of them is truncated.

    Returns how the first frame begins; None where they are native.
    """
    rows, columns = facts.number(_ROWS), facts.number(_COLUMNS)
    samples, allocated = facts.number(_SAMPLES_PER_PIXEL, 1), facts.number(_BITS_ALLOCATED)
    if pixels.length == UNDEFINED_LENGTH:
        frame_bytes = rows * columns * samples * ((allocated + 7) // 8)
        longest = longest_rle_frame(frame_bytes) if transfer_syntax == RLE_LOSSLESS else None
        return pass_fragments(reader, rows, columns, longest)
    bits = rows * columns * min(2, samples) * allocated * facts.frames()  # 4:2:2 has two of three
    needed = (bits + 7) // 8
    if pixels.length < needed:
        raise TruncatedError(f"PixelData must hold {needed} bytes, got {pixels.length}")
    reader.source.skip(pixels.length)
    return None
