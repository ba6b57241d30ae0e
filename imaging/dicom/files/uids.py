"""UIDs as they stand in a file (PS3.5 6.2, UI): bytes that are not to be trusted."""

import re
from collections.abc import Iterable, Iterator

from metseg.errors import DicomError

_UID = re.compile(r"[0-9.]{1,64}")


def uid_text(value: bytes) -> str:
    """The value without its padding; none may stand before it."""
    return value.decode("ascii", errors="replace").rstrip(" \0")


def checked_uid(value: bytes, keyword: str) -> str:
    """The UID, or `DicomError`. Its message does not quote: a UID field of a hostile file may hold
    anything.
    """
    text = uid_text(value)
    if not _UID.fullmatch(text):
        raise DicomError(f"{keyword} must match [0-9.]{{1,64}}, got {len(text)} other characters")
    return text


def valid_uids(values: Iterable[bytes]) -> Iterator[str]:
    """Those of the values that are UIDs."""
    for value in values:
        text = uid_text(value).lstrip(" \0")
        if _UID.fullmatch(text):
            yield text
