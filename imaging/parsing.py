"""Where pydicom and the codecs meet input from outside."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom
from pydicom.dataset import FileDataset
from pydicom.tag import BaseTag

from imaging.headers import read_header
from metseg.errors import DicomError, MetsegError

# A larger file is refused unread; a thin whole-head series in one enhanced instance is a tenth.
MAX_FILE_BYTES = 2 << 30


@contextmanager
def parsing(what: str) -> Iterator[None]:
    """Turn whatever a parser raises over bad input into `DicomError`, and keep its warnings to
    itself.

    Neither the cause nor the parser's words are passed on: they quote values, and values may name a
    patient. Errors of ours, of memory and of the disk pass as they are.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (MetsegError, MemoryError, OSError):
        raise
    except Exception as error:  # pydicom and codecs raise from AttributeError to RecursionError
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
        See `imaging.headers.read_header`; or pydicom cannot parse it.
    """
    read_header(path, max_bytes=max_bytes)
    with parsing("a file"):
        return pydicom.dcmread(path, stop_before_pixels=not pixels, specific_tags=tags)
