"""The header pass over encapsulated pixel data."""

from imaging.dicom.files.codestream import check_coded_size
from imaging.dicom.files.part10 import ElementReader
from metseg.errors import DicomError

FRAGMENT_HEAD_BYTES = 1024  # where the size of a codestream nearly always is


def pass_fragments(reader: ElementReader, rows: int, columns: int, longest: int | None) -> bytes:
    """Pass over encapsulated pixel data, to the delimiter, and check how each fragment begins.

    `longest` is how many bytes a fragment may have; the offset table is not counted as one. Returns
    how the first frame begins.
    """
    first = b""
    for number, length in enumerate(reader.fragments()):
        head = reader.source.read(min(length, FRAGMENT_HEAD_BYTES))
        reader.source.skip(length - len(head))
        if number == 0:  # the offset table (PS3.5 A.4)
            continue
        first = first or head
        if longest is None:
            check_coded_size(head, rows, columns)
        elif length > longest:
            raise DicomError(f"an RLE frame must have at most {longest} bytes, got {length}")
    return first
