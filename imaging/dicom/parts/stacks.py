"""Places of frames along their normal: how many, whether regular, and which are missing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from imaging.dicom.values.frames import Frame
from imaging.dicom.values.grid import SAME_PLACE_MM, grid_affine, plane_normal, sort_frames
from metseg.errors import GeometryError

ON_GRID = 0.1
"""Part of a step that a place may be off a grid and still belong to it."""
GAPLESS = 1.5
"""Slices further apart than this many thicknesses have gaps: every second may be lost."""


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Frames in one plane, the first of each place, sorted along the normal.

    `regular` says that they make a grid, `repeats` that several frames lie at one place. `extent`
    is what they cover along the normal and `step` the usual distance, in mm; 0 for a single place.
    """

    firsts: tuple[Frame, ...]
    repeats: bool
    regular: bool
    extent: float
    step: float

    @property
    def places(self) -> int:
        return len(self.firsts)

    def has(self, frame: Frame) -> bool:
        """Whether a frame lies at one of the places."""
        return any(same_place(frame, first) for first in self.firsts)


def stack_of(frames: Sequence[Frame]) -> Stack:
    """The places of frames, at least one.

    Raises
    ------
    GeometryError
        See `imaging.dicom.values.grid.sort_frames`.
    """
    places = sort_frames(frames)
    firsts = tuple(place[0] for place in places)
    along = _along(firsts, firsts[0])
    step = float(np.median(np.diff(along))) if len(along) > 1 else 0.0
    return Stack(
        firsts=firsts,
        repeats=len(firsts) < len(frames),
        regular=_is_regular(firsts),
        extent=float(along[-1] - along[0]) + step,
        step=step,
    )


def missing_places(kept: Sequence[Frame], others: Sequence[Frame]) -> list[int]:
    """Places of the grid of `kept` that only `others` have, counted from the first place of both.

    What lies between the places of a grid without gaps is not a place of it.
    """
    own, both = stack_of(kept), stack_of([*kept, *others])
    thick = own.firsts[0].slice_thickness
    gapless = own.regular and own.places > 1 and own.step <= GAPLESS * thick
    step = own.step if gapless else both.step
    if step < SAME_PLACE_MM:
        return []
    origin = own.firsts[0]
    taken = {round(float(at)) for at in _along(own.firsts, origin) / step}
    places = _along(both.firsts, origin) / step
    wanted = {round(float(at)) for at in places if abs(at - round(float(at))) <= ON_GRID} | taken
    return [number - min(wanted) for number in sorted(wanted - taken)]


def overlap_mm(one: Stack, other: Stack) -> float:
    """What the ranges of two stacks in one plane share along the normal."""
    origin = one.firsts[0]
    here, there = _along(one.firsts, origin), _along(other.firsts, origin)
    low, high = max(here[0], there[0]), min(here[-1], there[-1])
    return max(0.0, float(high - low) + min(one.step, other.step))


def middle(stack: Stack, origin: Frame) -> float:
    """Where the middle of a stack lies along the normal, from a frame, in mm."""
    return float(_along(stack.firsts, origin)[[0, -1]].mean())


def depth(frame: Frame, stack: Stack) -> float:
    """How far inside the range of a stack a frame lies, in mm from its nearer end."""
    along = _along(stack.firsts, frame)
    return float(min(-along[0], along[-1]))


def _along(frames: Iterable[Frame], origin: Frame) -> np.ndarray:
    positions = np.stack([frame.position for frame in frames])
    return np.asarray((positions - origin.position) @ plane_normal(origin.orientation))


def _is_regular(firsts: Sequence[Frame]) -> bool:
    try:
        grid_affine(firsts)
    except GeometryError:
        return False
    return True


def same_place(one: Frame, other: Frame) -> bool:
    """Whether two frames of one plane lie at one place."""
    return bool(np.abs(one.position - other.position).max() < SAME_PLACE_MM)
