"""Texts whose character set was not said, or said wrongly, as they may have been meant.

pydicom reads a text without SpecificCharacterSet as Latin-1, so that its bytes come back. What is
read here is searched for words and never shown.
"""

from typing import Final

# Hospitals use these without saying so; those that reject the most bytes come first.
_CODES: Final = (
    "gb18030", "euc_kr", "big5", "shift_jis", "cp1251", "iso8859_5", "koi8_r", "cp1253",
    "iso8859_7", "cp1250", "iso8859_2", "cp1254", "cp1255", "cp1256",
)  # fmt: skip


def as_meant(text: str) -> str:
    """The text; UTF-8 that was read as Latin-1 is read again: "aprÃ¨s" is "après"."""
    raw = _bytes(text)
    if raw is None:
        return text
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return text


def other_readings(text: str) -> tuple[str, ...]:
    """The text in other character sets, where it can be read so; empty where it is plain."""
    raw = _bytes(text)
    found = []
    for code in _CODES if raw is not None else ():
        try:
            found.append((raw or b"").decode(code))
        except UnicodeDecodeError:
            continue
    return tuple(dict.fromkeys(found))


def _bytes(text: str) -> bytes | None:
    """The bytes of a text that may have been misread; None where it cannot have been."""
    if text.isascii():
        return None
    for code in ("latin-1", "cp1252"):
        try:
            return text.encode(code)
        except UnicodeEncodeError:
            continue
    return None
