"""How acquisitions under one series lie relative to each other: phases, slabs, or parts of one
volume.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from imaging.dicom.parts.stacks import Stack, depth, middle, overlap_mm, same_place, stack_of
from imaging.dicom.values.frames import Frame
from imaging.dicom.values.moments import NO_DAY

Parts = dict[Any, list[Frame]]
"""Frames by what tells them apart."""
OVERLAP = 0.5
"""Slabs share less than this part of the shorter one, phases more."""
THIN_PART = 0.75
"""Slices of one volume lie at least this part of their thickness apart: nearer ones are of two
volumes that lie between each other.
"""
MOST_SLABS = 8
LONGEST_EXAMINATION_H = 12
"""Times of day further apart are from before and after midnight."""
LONGEST_DAY_H = 20
"""The same for times of one day: further apart, the date was carried over from before midnight."""


def by_time(frames: Sequence[Frame]) -> Parts:
    """Frames by when they were acquired; all as one where some do not say that.

    Frames of one time are one part where no place repeats among them. Otherwise a new part begins
    whenever a place comes again.
    """
    if not all(frame.acquired_at for frame in frames) or not _comparable(frames):
        return {"": list(frames)}
    parts: Parts = {}
    for frame in frames:
        parts.setdefault(frame.acquired_at, []).append(frame)
    if len(parts) * 2 <= len(frames) and not any(stack_of(one).repeats for one in parts.values()):
        return parts
    return _in_turn(sorted(frames, key=lambda frame: frame.acquired_at))


def _comparable(frames: Sequence[Frame]) -> bool:
    """Whether all times have a day, or none has; and times of one day do not go past midnight."""
    days = {frame.acquired_at[:8] for frame in frames}
    if len(days) > 1:
        return NO_DAY not in days
    hours = [int(frame.acquired_at[8:10]) for frame in frames]
    return max(hours) - min(hours) <= (LONGEST_EXAMINATION_H if days == {NO_DAY} else LONGEST_DAY_H)


def in_order(parts: Parts) -> list[Any] | None:
    """The values that tell the parts apart, the last first; None where nothing says which is the
    last.

    Times decide where they part the frames in the same way, otherwise the values; a part without a
    value cannot be placed among those that have one.
    """
    frames = [frame for part in parts.values() for frame in part]
    if all(frame.acquired_at for frame in frames) and _comparable(frames):
        spans = sorted(
            (min(f.acquired_at for f in part), max(f.acquired_at for f in part), value)
            for value, part in parts.items()
        )
        if all(one[1] < other[0] for one, other in pairwise(spans)):
            return [value for *_, value in reversed(spans)]
    return None if None in parts else sorted(parts, reverse=True)


def _in_turn(frames: Sequence[Frame]) -> Parts:
    place_of = {
        id(frame): place
        for place, first in enumerate(stack_of(frames).firsts)
        for frame in frames
        if same_place(frame, first)
    }
    parts: Parts = {}
    seen: set[int] = set()
    current: list[Frame] = []
    for frame in frames:
        place = place_of[id(frame)]
        if not current or place in seen:
            current = parts.setdefault(frame.acquired_at, [])
            seen = set()
        seen.add(place)
        current.append(frame)
    return parts


def by_number(frames: Sequence[Frame]) -> Parts:
    """Frames in the stacks that InstanceNumber counts; all as one where it does not count them.

    A stack begins where counting goes on at the other end, or where numbers come again.
    """
    numbers = [frame.instance_number for frame in frames]
    if not all(numbers) or len(set(numbers)) < 2:
        return {0: list(frames)}
    along = {id(first): n for n, first in enumerate(stack_of(frames).firsts)}
    counted = sorted(frames, key=lambda frame: (frame.instance_number, along.get(id(frame), 0)))
    parts: Parts = {}
    if len(set(numbers)) < len(numbers):
        seen: Counter[int] = Counter()
        for frame in counted:
            parts.setdefault(seen[frame.instance_number], []).append(frame)
            seen[frame.instance_number] += 1
        return parts
    places = [along.get(id(frame), 0) for frame in counted]
    ahead = sum(b > a for a, b in pairwise(places)) * 2 >= len(places)
    part = 0
    for frame, (before, here) in zip(counted, pairwise([places[0], *places]), strict=True):
        part += here < before if ahead else here > before
        parts.setdefault(part, []).append(frame)
    return parts


def lie_between(parts: Sequence[Sequence[Frame]]) -> bool:
    """Whether parts that share no place are volumes of their own, one shifted against the other.

    They are where each is a regular grid, they lie in one range, and together they make no grid, or
    one whose slices lie nearer than they are thick. Odd and even slices of one volume are not.
    """
    if not share_range(parts):
        return False
    union = stack_of([frame for part in parts for frame in part])
    thick = max(union.firsts[0].slice_thickness, union.firsts[0].thickness)
    return not union.regular or not thick or union.step <= THIN_PART * thick


def share_range(parts: Sequence[Sequence[Frame]]) -> bool:
    """Whether parts that share no place are regular grids that lie in one range."""
    stacks = [stack_of(part) for part in parts]
    if not all(stack.regular and stack.places > 1 for stack in stacks):
        return False
    first, *others = sorted(stacks, key=lambda stack: -stack.extent)
    return all(overlap_mm(first, one) >= OVERLAP * one.extent for one in others)


def join_slabs(parts: Sequence[Sequence[Frame]]) -> list[Frame] | None:
    """One frame per place of slabs that overlap at their ends; None where the parts are not such
    slabs.

    At a place that two slabs share, the frame of the slab that reaches further beyond it is taken.
    """
    if not 2 <= len(parts) <= MOST_SLABS:
        return None
    stacks = [stack_of(part) for part in parts]
    if any(one.repeats or not one.regular or one.places < 2 for one in stacks):
        return None
    union = stack_of([frame for part in parts for frame in part])
    if not union.repeats or not union.regular:
        return None
    stacks.sort(key=lambda one: middle(one, union.firsts[0]))
    for number, one in enumerate(stacks):
        for other in stacks[number + 1 :]:
            if overlap_mm(one, other) >= OVERLAP * min(one.extent, other.extent):
                return None
    return [_deepest(first, stacks) for first in union.firsts]


def _deepest(place: Frame, stacks: Sequence[Stack]) -> Frame:
    """The frame at a place, of the slab whose end is furthest from it."""
    having = [stack for stack in stacks if stack.has(place)]
    best = max(having, key=lambda stack: depth(place, stack))
    return next(one for one in best.firsts if same_place(one, place))


@dataclass(frozen=True, slots=True)
class Phase:
    """What tells phases and acquisitions apart, where their frames cannot be one volume."""

    name: str
    parts: Callable[[Sequence[Frame]], Parts]
    is_said: bool = False
    """The header calls them phases: they are not of one volume, wherever they lie."""


def _grouped(of: Callable[[Frame], float | None]) -> Callable[[Sequence[Frame]], Parts]:
    def parts(frames: Sequence[Frame]) -> Parts:
        found: Parts = {}
        for frame in frames:
            found.setdefault(of(frame), []).append(frame)
        return found

    return parts


PHASES: Final = (
    Phase("TemporalPosition", _grouped(lambda f: f.temporal), is_said=True),
    Phase("AcquisitionNumber", _grouped(lambda f: f.acquisition)),
    Phase("AcquisitionTime", by_time),
)
