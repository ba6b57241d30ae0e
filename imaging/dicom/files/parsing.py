"""Where pydicom and the codecs meet input from outside."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset as read_elements
from pydicom.filewriter import write_file_meta_info
from pydicom.tag import BaseTag
from pydicom.uid import UID

from imaging.dicom.files.encoding import (
    IMPLICIT_VR_LITTLE_ENDIAN,
    DataSetStart,
    byte_order,
    find_data_set,
)
from imaging.dicom.files.headers import InstanceHeader, read_header
from metseg.errors import DicomError, MetsegError

# A larger file is refused unread; a thin whole-head series in one enhanced instance has a tenth of
# this.
MAX_FILE_BYTES = 2 << 30
_LARGE_HEADER = 1 << 24  # not held in memory twice


@contextmanager
def parsing(what: str) -> Iterator[None]:
    """Turn whatever a parser raises over bad input into `DicomError`, and keep its warnings to
    itself.

    Neither the cause nor the parser's words are passed on: they quote values, and values may name a
    patient. Our own errors and those of memory and disk pass as they are; an `OSError` without a
    number comes from a parser, for a sequence that ends early.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (MetsegError, MemoryError):
        raise
    except Exception as error:  # pydicom and codecs raise from AttributeError to RecursionError
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DicomError(
            f"{what} must be valid DICOM, the parser gave {type(error).__name__}"
        ) from None


def read_dataset(
    path: Path,
    *,
    pixels: bool = False,
    max_bytes: int = MAX_FILE_BYTES,
    tags: list[BaseTag] | None = None,
) -> FileDataset:
    """Read one file with pydicom after the header pass found it in bounds; only `tags` if given.

    Raises
    ------
    DicomError
        See `imaging.dicom.files.headers.read_header`; or pydicom cannot parse it.
    """
    header = read_header(path, max_bytes=max_bytes)
    return parse_dataset(path, pixels=pixels, tags=tags, syntax=header.transfer_syntax_uid)


def parse_dataset(
    path: Path,
    *,
    pixels: bool = False,
    tags: list[BaseTag] | None = None,
    syntax: str | None = None,
) -> FileDataset:
    """The same for a file that the header pass has found in bounds already.

    `syntax` is what the header pass found it to be coded in, whatever its meta information says.
    """
    with path.open("rb") as file, parsing("a file"):
        start = find_data_set(file, path.stat().st_size)
        content = _conformant(file, start)
        dataset = pydicom.dcmread(content, stop_before_pixels=not pixels, specific_tags=tags)
        if syntax is not None:
            dataset.file_meta.TransferSyntaxUID = UID(syntax)
        return dataset


def _conformant(file: BinaryIO, start: DataSetStart) -> BinaryIO:
    """The file as PS3.10 7.1 requires it, from its beginning: itself, or a preamble, true meta
    information and the same data set.
    """
    if start.conforms:
        file.seek(0)
        return file
    meta, content = FileMetaDataset(), DicomBytesIO()
    meta.TransferSyntaxUID = UID(start.transfer_syntax_uid)
    write_file_meta_info(content, meta, enforce_standard=False)
    file.seek(start.offset)
    return BytesIO(bytes(128) + b"DICM" + content.getvalue() + file.read())


def parse_header(path: Path, header: InstanceHeader) -> Dataset:
    """All of a file but its pixels and its file meta information, by what the header pass found:
    `dcmread` takes three times as long.
    """
    layout, syntax = header.layout, header.transfer_syntax_uid
    if layout is None or layout.pixels > _LARGE_HEADER:
        return parse_dataset(path)
    with path.open("rb") as file, parsing("a file"):
        content = BytesIO(file.read(layout.pixels))
        content.seek(layout.dataset)
        return read_elements(
            content,
            is_implicit_VR=syntax == IMPLICIT_VR_LITTLE_ENDIAN,
            is_little_endian=byte_order(syntax) == "little",
            bytelength=layout.pixels - layout.dataset,
        )
