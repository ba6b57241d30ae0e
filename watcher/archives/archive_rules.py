"""What holds for every archive: what a member is, which names are safe, how much it may hold."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import IO, ClassVar

from watcher.reading.archive_errors import LimitError, UnsafeArchiveError

LONGEST_NAME = 4096
"""Bytes: PATH_MAX of Linux. tar allows any length."""
AGAIN = "pack the folder of the study, not its full path"


class Kind(Enum):
    """What a member is."""

    FILE = auto()
    FOLDER = auto()
    LINK = auto()
    SPECIAL = auto()


@dataclass(frozen=True, slots=True)
class Member:
    """One member. `name` is relative, with ``/``, and stays within; `open` gives the bytes of a
    file, and must be called before the next member is asked for."""

    name: str
    kind: Kind
    size: int
    open: Callable[[], IO[bytes]]


@dataclass(slots=True)
class Budget:
    """How much an archive may hold, with all archives within.

    `ratio` is of unpacked bytes to those of the outermost archive, and counts from
    `ratio_from_bytes` on: less harms nobody, however well it was packed.
    """

    max_files: int
    max_bytes: int
    ratio: float
    archive_bytes: int
    files: int = 0
    bytes: int = 0
    ratio_from_bytes: ClassVar[int] = 8 << 20

    def spend(self, *, files: int = 0, n_bytes: int = 0) -> None:
        """Count what was found, and raise `LimitError` when it is too much."""
        self.foresee(files=files, n_bytes=n_bytes)
        self.files += files
        self.bytes += n_bytes

    def foresee(self, *, files: int, n_bytes: int) -> None:
        """Raise `LimitError` when this much more would be too much."""
        if self.files + files > self.max_files:
            raise LimitError(f"an archive must hold at most {self.max_files} files, got more")
        size = self.bytes + n_bytes
        if size > self.max_bytes:
            raise LimitError(f"an archive must unpack to at most {self.max_bytes} bytes, got more")
        if size > self.ratio_from_bytes and size > self.ratio * self.archive_bytes:
            raise LimitError(
                f"an archive must unpack to at most {self.ratio:g} times its size, got more"
            )


def safe_name(name: str) -> str:
    """A member's name with ``/`` as separator, without empty parts and ``.``; empty for the
    archive's own folder.

    Raises
    ------
    UnsafeArchiveError
        The name is absolute or too long, or has a drive letter, ``..`` or NUL: as it is, or after
        Unicode normalisation (NFKC).
    """
    parts = _checked_parts(name)
    _checked_parts(unicodedata.normalize("NFKC", name))
    return "/".join(parts)


def _checked_parts(name: str) -> list[str]:
    try:
        size = len(name.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        raise UnsafeArchiveError("a member's name must be text") from None
    if size > LONGEST_NAME:
        raise UnsafeArchiveError(f"a member's name must be at most {LONGEST_NAME} bytes")
    unified = name.replace("\\", "/")  # as some programs of Windows write it
    parts = [part for part in unified.split("/") if part not in ("", ".")]
    if "\0" in name or unified.startswith("/") or re.match(r"\s*[A-Za-z]:", "/".join(parts)):
        raise UnsafeArchiveError(
            f"a member's name must be relative, without drive letter and NUL: {AGAIN}"
        )
    if ".." in (part.strip() for part in parts):
        raise UnsafeArchiveError(f"a member's name must not hold ..: {AGAIN}")
    return parts
