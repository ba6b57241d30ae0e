"""When an image was acquired, as text that sorts by time."""

import re
from collections.abc import Callable, Iterable
from typing import Any

Look = Callable[[str], Iterable[Any]]
"""Gives the values of a keyword."""

_WHOLE = ("FrameAcquisitionDateTime", "FrameReferenceDateTime", "AcquisitionDateTime")
_PAIR = ("AcquisitionDate", "AcquisitionTime")


def acquired_at(
    look: Look, *, otherwise: Iterable[tuple[str, str]] = (), with_frames: bool = True
) -> str:
    """``YYYYMMDDHHMMSS.ffffff`` when the acquisition began, zeros for a day that is not said;
    empty where no time is. `otherwise` are pairs of date and time that are asked last.
    """
    for name in _WHOLE if with_frames else _WHOLE[-1:]:
        if re.match("[0-9]{14}", whole := _first(look, name)):
            return whole
    for date, time in (_PAIR, *otherwise):
        day, clock = _first(look, date), _first(look, time)
        if re.match("[0-9]{6}", clock):
            return (day if re.fullmatch("[0-9]{8}", day) else "0" * 8) + clock
    return ""


def digits(value: Any) -> str:
    """A date or time as it compares: without the signs of old files, or of a time zone."""
    text = re.sub(r"[:\s]", "", str(value or ""))
    return found[0] if (found := re.match(r"[0-9]+(?:\.[0-9]+)?", text)) else ""


def _first(look: Look, keyword: str) -> str:
    return digits(next(iter(look(keyword)), ""))
