"""The frames of one volume out of all that came under one series.

A volume is of one kind: one component, one image of a Dixon, one processing, one echo, before or
after contrast agent, one phase, one acquisition. docs/dicom.md says how it is decided.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from imaging.dicom.parts.alike import not_alike
from imaging.dicom.parts.phases import (
    MOST_SLABS,
    PHASES,
    Parts,
    Phase,
    by_number,
    in_order,
    join_slabs,
    lie_between,
    share_range,
)
from imaging.dicom.parts.stacks import Stack, missing_places, stack_of
from imaging.dicom.values import kinds
from imaging.dicom.values.frames import Frame

ECHO_TOLERANCE = 0.05
"""Echo times that differ by less than this part are one: writers round them."""
ECHO_TOLERANCE_MS = 0.1
WHOLE_PART = 0.75
"""Part of the longest acquisition that a whole one covers; one that was broken off covers less."""
FRAGMENT = 4
"""Fewer slices are not a phase: they were taken again, or copied."""


@dataclass(frozen=True, slots=True)
class Acquisition:
    """The frames of one volume, what was decided on the way, and what is missing, if anything."""

    frames: tuple[Frame, ...]
    decided: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a frame is by itself. Frames of two kinds never make one volume, wherever they lie."""

    name: str
    of: Callable[[Frame], Any]
    rank: Callable[[Any], float]
    """The kind of the least rank is taken."""
    which: Callable[[Any], str]
    at_once: bool
    """The kinds are images of one acquisition: each has all places."""


def _dixon_rank(found: kinds.Dixon | None) -> float:
    return 1.5 if found is None else kinds.rank(found)  # not a Dixon: before opposed phase


_AGENT_RANK: dict[bool | None, int] = {True: 0, None: 1, False: 2}
_AGENT = {True: "after contrast agent", False: "before contrast agent", None: "not said"}

_KINDS = (
    _Kind(
        "ImageType",
        lambda f: kinds.component(f.kind),
        kinds.rank,
        str,
        at_once=True,
    ),
    _Kind(
        "ImageType",
        lambda f: kinds.dixon(f.kind),
        _dixon_rank,
        lambda found: str(found or "not an image of a Dixon"),
        at_once=True,
    ),
    _Kind(
        "ImageType",
        lambda f: kinds.processing(f.kind),
        kinds.rank,
        str,
        at_once=True,
    ),
    _Kind(
        "contrast agent",
        lambda f: f.agent,
        _AGENT_RANK.__getitem__,
        _AGENT.__getitem__,
        at_once=False,
    ),
)


def one_acquisition(frames: Sequence[Frame], *, minimum_slices: int = 1) -> Acquisition:
    """The frames of one volume.

    Kinds are always parted, and of each the one to be segmented is taken: magnitude, water,
    original, after contrast agent, the first echo. Phases and acquisitions are parted where they
    lie at the same places or between each other, and the last one that is whole is taken. Slabs
    that overlap are joined. `problem` says what is missing where the frames that should be taken
    are not whole; the caller compares what still repeats.

    Raises
    ------
    GeometryError
        See `imaging.dicom.values.grid.sort_frames`.
    """
    choice = _Choice(list(frames), minimum_slices)
    for kind in _KINDS:
        choice.part(kind)
    choice.part(_echoes(choice.kept))
    choice.part_phases()
    return Acquisition(tuple(choice.kept), tuple(choice.decided), choice.problem)


def _echoes(frames: Iterable[Frame]) -> _Kind:
    """The kind of a frame by its echo time; near ones count as one, the least of them."""
    centres: dict[float, float] = {0.0: 0.0}
    last = 0.0
    for echo in sorted({frame.echo_time_ms for frame in frames if frame.echo_time_ms > 0}):
        near = echo - last <= max(ECHO_TOLERANCE * last, ECHO_TOLERANCE_MS)
        last = last if near and last else echo
        centres[echo] = last

    return _Kind(
        "EchoTime",
        lambda frame: centres.get(frame.echo_time_ms) or None,
        lambda echo: float("inf") if echo is None else echo,
        lambda _: "the first",
        at_once=True,
    )


@dataclass(slots=True)
class _Choice:
    """What is kept so far, what was set aside, and what was decided."""

    kept: list[Frame]
    minimum_slices: int
    decided: list[str] = field(default_factory=list)
    problem: str | None = None

    def part(self, kind: _Kind) -> None:
        """Keep the frames of the first rank."""
        parts: dict[Hashable, list[Frame]] = {}
        for frame in self.kept:
            parts.setdefault(kind.of(frame), []).append(frame)
        if len(parts) < 2:
            return
        best = min(parts, key=kind.rank)
        self._take_in_unsaid(kind, parts, best)
        if len(parts) < 2:
            return
        self.kept = parts.pop(best)
        which = kind.which(best)
        others = ", ".join(sorted({kind.which(one) for one in parts} - {which}))
        beside = f" (beside {others})" if others else ""
        self.decided.append(
            f"{len(parts) + 1} acquisitions under one series differ in {kind.name}{beside}; "
            f"taken: {which}"
        )
        if self.problem is None:
            others_frames = [
                frame
                for part in parts.values()
                for frame in part
                if kinds.processing(frame.kind) is not kinds.Processing.PROJECTION
            ]
            self.problem = self._lacks(which, others_frames, at_once=kind.at_once)

    def _take_in_unsaid(
        self, kind: _Kind, parts: dict[Hashable, list[Frame]], best: Hashable
    ) -> None:
        """Frames that say nothing belong to the best kind where they have places of their own."""
        if best is None or None not in parts:
            return
        stack = stack_of([*parts[best], *parts[None]])
        alone = stack_of(parts[best]), stack_of(parts[None])
        own_places = stack.places == sum(one.places for one in alone)
        if own_places and not share_range([parts[best], parts[None]]):
            unsaid = parts.pop(None)
            parts[best] += unsaid
            self.decided.append(
                f"{len(unsaid)} of {len(self.kept)} images do not say {kind.name}: they were taken "
                "for the same as the others"
            )

    def _lacks(self, which: str, others: Sequence[Frame], *, at_once: bool) -> str | None:
        """What the kept frames lack of the places of the others; a projection has no place."""
        if not others:
            return None
        own, all_ = stack_of(self.kept), stack_of([*self.kept, *others])
        if at_once:
            missing = missing_places(self.kept, others)
        elif own.extent < WHOLE_PART * all_.extent or own.places < self.minimum_slices:
            missing = [z for z, frame in enumerate(all_.firsts) if not own.has(frame)]
        else:
            return None
        if not missing:
            return None
        shown = ", ".join(map(str, missing[:8])) + (" ..." if len(missing) > 8 else "")
        return (
            f"images of one kind must be at all places: {which} is missing at {len(missing)} of "
            f"{all_.places} places, counted from 0 upwards: {shown}"
        )

    def part_phases(self) -> None:
        """Keep one phase and one acquisition, where several cannot be one volume."""
        for phase in PHASES:
            parts = phase.parts(self.kept)
            if len(parts) < 2 or self.problem is not None:
                continue
            joined = join_slabs(list(parts.values()))
            if joined is not None:
                dropped = len(self.kept) - len(joined)
                self.kept = joined
                self.decided.append(
                    f"{len(parts)} slabs under one series overlap: they were joined, and "
                    f"{dropped} slices that came twice left out"
                )
            elif stack_of(self.kept).repeats or lie_between(list(parts.values())):
                self._take_phase(phase, parts)
            elif phase.is_said and len(parts) <= MOST_SLABS:
                self._check_phases(phase, list(parts.values()))
        self._check_stacks()
        if self.problem is None:
            self.problem = not_alike(self.kept)

    def _check_stacks(self) -> None:
        """Stacks that only InstanceNumber tells apart: nothing says which of them is the later."""
        parts = list(by_number(self.kept).values())
        if self.problem is None and 1 < len(parts) <= MOST_SLABS and lie_between(parts):
            self.problem = (
                f"one volume must be of one acquisition: got {len(parts)} stacks, counted by "
                "InstanceNumber, that lie between each other, and nothing says which is the later"
            )

    def _check_phases(self, phase: Phase, parts: Sequence[Sequence[Frame]]) -> None:
        """Phases that would be one volume together: of each, images are missing."""
        if min(map(len, parts)) >= FRAGMENT:
            self.problem = (
                f"images of one volume must be of one phase: got {len(parts)} that differ in "
                f"{phase.name}, each at places of its own"
            )

    def _take_phase(self, phase: Phase, parts: Parts) -> None:
        """Keep the last phase. It is a problem where the last is not whole, because an earlier one
        may be from before contrast agent, and where nothing says which is the last.
        """
        stacks = {value: stack_of(part) for value, part in parts.items()}
        longest = stack_of(self.kept).extent
        order = in_order(parts)
        if order is None:
            self.problem = (
                f"of {len(parts)} acquisitions that differ in {phase.name} one must be the last: "
                "some lack it"
            )
            return
        whole = [value for value in order if _is_whole(stacks[value], longest)]
        if not whole:
            self.problem = f"of {len(parts)} acquisitions that differ in {phase.name} none is whole"
            return
        fragment = min(FRAGMENT, stacks[whole[0]].places / 2)
        last = next(value for value in order if stacks[value].places >= fragment)
        if last != whole[0]:
            self.problem = (
                f"the last of {len(parts)} phases that differ in {phase.name} must be whole, got "
                f"{stacks[last].places} of {max(s.places for s in stacks.values())} places"
            )
        self.kept = parts[whole[0]]
        which = "the last" if whole[0] == order[0] else "the last that is whole"
        self.decided.append(
            f"{len(parts)} acquisitions under one series differ in {phase.name}; taken: {which}"
        )
        lost = max(s.places for s in stacks.values()) - stacks[whole[0]].places
        if lost > 0 and self.problem is None:
            self.decided.append(f"the acquisition taken has {lost} slices fewer than another")


def _is_whole(stack: Stack, longest: float) -> bool:
    return stack.regular and stack.places > 1 and stack.extent >= WHOLE_PART * longest
