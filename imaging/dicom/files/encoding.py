"""Where the data set of a file begins and how it is encoded, whatever its meta information says.

Old exports have neither preamble nor meta information; anonymisers and archives rewrite a data set
in another transfer syntax and leave the meta information as it was. Elements say themselves how
they are encoded (PS3.5 7.1): the data set is believed.
"""

from dataclasses import dataclass
from typing import BinaryIO, Literal

from imaging.dicom.files.codestream import coded_syntax
from imaging.dicom.files.part10 import ElementReader
from imaging.dicom.files.sources import PlainSource
from imaging.dicom.files.uids import checked_uid, uid_text
from metseg.errors import DicomError

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"
NATIVE = frozenset({IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN})
ByteOrder = Literal["little", "big"]
MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"

_TRANSFER_SYNTAX_UID = 0x00020010
_MEDIA_STORAGE_SOP_CLASS_UID = 0x00020002
START_BYTES = 132
"""Of a file: enough to tell whether it begins as DICOM."""
_PREAMBLE_BYTES = 128
_PREFIX = b"DICM"
_HEAD_BYTES = 8
_LARGEST_GROUP = 0x00FF
"""A data set begins far below; read in the other byte order each group is above."""
_LONGEST_VALUE = 1 << 10
"""Of the first element of a data set: an identifier, a code, a length of the group."""
_VRS = (
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW "
    b"PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV"
).split()
"""PS3.5 6.2."""
_META_STARTS = (b"\x02\0\0\0UL\4\0", b"\x02\0\1\0OB\0\0")
"""FileMetaInformationGroupLength, or its version where that is missing."""


class NotDicomError(DicomError):
    """Not a DICOM file at all: passed over, not quarantined."""

    code = "not_dicom"


class DicomdirError(NotDicomError):
    """An index of a medium (PS3.3 F), of no use here: passed over."""

    code = "dicomdir"


@dataclass(frozen=True, slots=True)
class DataSetStart:
    """Where a data set begins in its file, and its transfer syntax.

    `told` is the transfer syntax that the meta information states, empty where it states none.
    `has_prefix` says whether the file begins as PS3.10 7.1 requires.
    """

    offset: int
    transfer_syntax_uid: str
    told: str
    has_prefix: bool

    @property
    def is_bare(self) -> bool:
        """Nothing but the data set says that this is DICOM."""
        return self.offset == 0

    @property
    def conforms(self) -> bool:
        """Whether a reader that believes the meta information reads the data set."""
        return self.has_prefix and self.transfer_syntax_uid == self.told


def byte_order(transfer_syntax: str) -> ByteOrder:
    """The byte order of a data set in a transfer syntax."""
    return "big" if transfer_syntax == EXPLICIT_VR_BIG_ENDIAN else "little"


def begins_as_dicom(start: bytes) -> bool:
    """Whether the first `START_BYTES` are those of a DICOM file, or of a data set alone."""
    return (
        start[_PREAMBLE_BYTES:].startswith(_PREFIX)
        or start.removeprefix(_PREFIX).startswith(_META_STARTS)
        or _is_group_8(start, _encoding_at(start[:_HEAD_BYTES]))
    )


def find_data_set(file: BinaryIO, size: int) -> DataSetStart:
    """Find where the data set of an open file of `size` bytes begins, and leave the file there.

    Raises
    ------
    NotDicomError
        No DICM after the preamble, and nothing that begins as a data set; `DicomdirError` for a
        DICOMDIR.
    DicomError
        Meta information that cannot be read, or a data set of unknown encoding.
    """
    head = file.read(START_BYTES)
    if head[_PREAMBLE_BYTES:] == _PREFIX:
        told = _read_meta(file, size)
        return _start(file, told, has_prefix=True)
    file.seek(len(_PREFIX) if head.startswith(_PREFIX) else 0)
    if head.removeprefix(_PREFIX).startswith(_META_STARTS):
        return _start(file, _read_meta(file, size), has_prefix=False)
    encoded = _encoding_at(head[:_HEAD_BYTES])
    if encoded is None or not _is_group_8(head, encoded):
        raise NotDicomError("file must hold DICM after a preamble of 128 bytes (PS3.10 7.1)")
    return DataSetStart(0, encoded, "", has_prefix=False)


def coded_as(told: str, codestream: bytes | None) -> str:
    """The transfer syntax of a data set with pixel data.

    `codestream` is how its first frame begins, None where the pixel data are native. Native ones
    cannot have a compressed transfer syntax (PS3.5 A.4), and compressed frames must have one.
    """
    if told in NATIVE and codestream is not None:
        return coded_syntax(codestream) or told
    if told in NATIVE or told == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN or codestream is not None:
        return told
    return EXPLICIT_VR_LITTLE_ENDIAN


def _start(file: BinaryIO, told: str, *, has_prefix: bool) -> DataSetStart:
    offset = file.tell()
    head = file.read(_HEAD_BYTES)
    file.seek(offset)
    found = _encoding_at(head)
    if not told:
        if found is None:
            raise DicomError("TransferSyntaxUID must match [0-9.]{1,64}, got none")
        return DataSetStart(offset, found, told, has_prefix)
    if told == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN and not _is_group_8(head, found):
        found = None  # compressed bytes may look like anything
    mended = found is not None and (told in NATIVE or told == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)
    return DataSetStart(offset, str(found) if mended else told, told, has_prefix)


def _is_group_8(head: bytes, encoded: str | None) -> bool:
    return encoded is not None and int.from_bytes(head[:2], byte_order(encoded)) == 0x0008


def _encoding_at(head: bytes) -> str | None:
    """The uncompressed transfer syntax in which an element begins; None where it is in none."""
    little, big = (int.from_bytes(head[:2], order) for order in ("little", "big"))
    has_vr = head[4:6] in _VRS
    if 0 < little <= _LARGEST_GROUP:
        if has_vr:
            return EXPLICIT_VR_LITTLE_ENDIAN
        length = int.from_bytes(head[4:8], "little")
        return IMPLICIT_VR_LITTLE_ENDIAN if length <= _LONGEST_VALUE else None
    return EXPLICIT_VR_BIG_ENDIAN if has_vr and 0 < big <= _LARGEST_GROUP else None


def _read_meta(file: BinaryIO, size: int) -> str:
    """The transfer syntax that group 2 states, empty where it states none; leave the file after it.
    Group 2 is always explicit VR little endian (PS3.10 7.1).
    """
    values: dict[int, bytes] = {}
    reader = ElementReader(PlainSource(file, size), implicit=False)
    wanted = (_TRANSFER_SYNTAX_UID, _MEDIA_STORAGE_SOP_CLASS_UID)
    for element in reader.walk(wanted, lambda tag: tag >> 16 != 2):
        if element.value is None:
            file.seek(element.start)
        else:
            values[element.tag] = element.value
    if uid_text(values.get(_MEDIA_STORAGE_SOP_CLASS_UID, b"")) == MEDIA_STORAGE_DIRECTORY:
        raise DicomdirError("file is a DICOMDIR")
    told = values.get(_TRANSFER_SYNTAX_UID, b"")
    return checked_uid(told, "TransferSyntaxUID") if told.strip(b" \0") else ""
