"""UIDs as they stand in a file (PS3.5 6.2, UI), which are not to be trusted; and our own UIDs."""

import hashlib
import re
from collections.abc import Iterable, Iterator

from metseg.errors import DicomError

_UID = re.compile(r"[0-9.]{1,64}")


def uid_text(value: bytes) -> str:
    """The value without its padding, which may only follow it."""
    return value.decode("ascii", errors="replace").rstrip(" \0")


def checked_uid(value: bytes, keyword: str) -> str:
    """The UID, or `DicomError`. Its message does not quote the value: a UID field of a hostile file
    may hold anything.
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


def derived_uid(*words: object) -> str:
    """A ``2.25.`` UID (PS3.5 B.2) of 128 bits of the SHA-256 of words: the same words give the same
    UID. They may include paths that are not UTF-8.
    """
    text = "\n".join(str(word) for word in words)
    digest = hashlib.sha256(text.encode(errors="surrogateescape")).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"
