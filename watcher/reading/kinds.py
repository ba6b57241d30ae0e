"""Kinds of files that are not DICOM: archives that metseg opens, and archives that it does not."""

import bz2
import gzip
import io
import lzma
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any

from backports import zstd

from imaging.dicom.files.encoding import START_BYTES, begins_as_dicom

ARCHIVE_SUFFIXES = (
    ".zip",
    ".zipx",
    ".tar",
    ".tar.gz",
    ".tgz",
    ".tar.bz2",
    ".tbz2",
    ".tbz",
    ".tar.xz",
    ".txz",
    ".tar.zst",
    ".tzst",
)
PACKED_SUFFIXES = (".gz", ".bz2", ".xz", ".zst")
"""Of one packed file, which may be anything: it is opened when it holds DICOM."""
MASK_SUFFIX = ".nii.gz"
"""Of a NIfTI, which is read as it is."""
DECOMPRESSORS: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": partial(gzip.GzipFile, None, "rb", 9),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
    b"\x28\xb5\x2f\xfd": zstd.ZstdFile,
}
"""By the first bytes."""
PACKED_HEAD_BYTES = 1 << 20
"""Enough for the first block of any of them."""
OUT_OR_ZIP = "unpack it, or pack it as zip"
UNOPENED = {
    b"7z\xbc\xaf\x27\x1c": f"7z archive: {OUT_OR_ZIP}",
    b"Rar!\x1a\x07": f"rar archive: {OUT_OR_ZIP}",
}
"""By the first bytes."""
PART = "part of a split archive: join the parts and unpack them, or pack all as one zip"
DISC = "disc image (ISO): copy the files out of it, or pack them as zip"
_PART_NAME = re.compile(
    r"\.(z\d\d|zx\d\d|(zip|zipx|7z|rar|tar|tgz|tbz2?|txz|gz|bz2|xz)\.\d{2,4})$", re.ASCII | re.I
)
"""As zip -s, WinZip and 7-Zip name the parts. Those of rar begin like a whole one."""
_FIRST = re.compile(r"\.0*1$")
_DISC_AT, _DISC_MARKS = 32769, (b"CD001", b"BEA01")
"""Of ISO 9660 and of UDF (ECMA-167 2/9.1), after sixteen sectors that any system may fill."""


def is_archive(name: str, path: Path) -> bool:
    """Whether the file at `path` is to be opened as an archive, when `name` is what it is called.

    What is called an archive is one, unless it is DICOM; a packed file is one when it holds DICOM
    or is damaged from its beginning.
    """
    low = name.lower()
    if low.endswith(ARCHIVE_SUFFIXES):
        return not begins_as_dicom(_head(path, START_BYTES))
    if not low.endswith(PACKED_SUFFIXES) or low.endswith(MASK_SUFFIX):
        return False
    return _holds_dicom(_head(path, PACKED_HEAD_BYTES))


def unopened_kind(path: Path) -> str | None:
    """The kind of an archive that metseg does not open, and what to do; None for other files."""
    head = _head(path, 8)
    kind = kind_by_start(head)
    is_packed = kind is not None or head.startswith(b"PK\x03\x04")
    if _PART_NAME.search(path.name) or (is_packed and _FIRST.search(path.name)):
        return PART
    if kind is None and _head(path, len(_DISC_MARKS[0]), at=_DISC_AT) in _DISC_MARKS:
        return DISC
    return kind


def kind_by_start(start: bytes) -> str | None:
    """The same for an archive of which only the first bytes are known."""
    return next((words for magic, words in UNOPENED.items() if start.startswith(magic)), None)


def _head(path: Path, size: int, *, at: int = 0) -> bytes:
    with path.open("rb") as file:
        file.seek(at)
        return file.read(size)


def _holds_dicom(packed: bytes) -> bool:
    """Whether the beginning of a packed file is that of DICOM, or cannot be unpacked."""
    for magic, opener in DECOMPRESSORS.items():
        if packed.startswith(magic):
            try:
                with opener(io.BytesIO(packed)) as stream:
                    return begins_as_dicom(stream.read(START_BYTES))
            except MemoryError:
                raise
            except Exception:  # each of them has errors of its own
                return True
    return False
