"""When an image was acquired, as text that sorts by time."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

Look = Callable[[str], Iterable[Any]]
"""Gives the values of a keyword."""

NO_DAY = "0" * 8
"""Stands for the day of a moment where it is not said."""
_DAY_MIN = 24 * 60
_WHOLE = ("FrameAcquisitionDateTime", "FrameReferenceDateTime", "AcquisitionDateTime")
_PAIR = ("AcquisitionDate", "AcquisitionTime")


def acquired_at(
    look: Look, *, otherwise: Iterable[tuple[str, str]] = (), with_frames: bool = True
) -> str:
    """``YYYYMMDDHHMMSS.ffffff`` when the acquisition began, zeros for a day that is not said; empty
    where no time is. `otherwise` are pairs of date and time that are tried last.
    """
    for name in _WHOLE if with_frames else _WHOLE[-1:]:
        if re.match("[0-9]{14}", whole := _first(look, name)):
            return whole
    for date, time in (_PAIR, *otherwise):
        day, clock = _first(look, date), _first(look, time)
        if re.match("[0-9]{6}", clock):
            return (day if re.fullmatch("[0-9]{8}", day) else NO_DAY) + clock
    return ""


def spread_minutes(moments: Sequence[str]) -> float:
    """Minutes from the first to the last of moments as `acquired_at` gives them; 0 where one is
    missing or not in the calendar, or only some have a day. More than half a day apart on one day,
    the date was carried over from before midnight.
    """
    days = {moment[:8] for moment in moments}
    if NO_DAY in days and len(days) > 1:
        return 0.0
    try:
        times = [_time(one) for one in moments]
    except ValueError:
        return 0.0
    minutes = (max(times) - min(times)).total_seconds() / 60
    return _DAY_MIN - minutes if len(days) == 1 and minutes > _DAY_MIN / 2 else minutes


def _time(moment: str) -> datetime:
    day = moment[:8] if moment[:8] != NO_DAY else "20000101"
    return datetime.strptime(day + moment[8:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def digits(value: Any) -> str:
    """A date or time as it compares: without the signs of old files, or of a time zone."""
    text = re.sub(r"[:\s]", "", str(value or ""))
    return found[0] if (found := re.match(r"[0-9]+(?:\.[0-9]+)?", text)) else ""


def _first(look: Look, keyword: str) -> str:
    return digits(next(iter(look(keyword)), ""))
