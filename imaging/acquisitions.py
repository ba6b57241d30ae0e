"""One acquisition out of several that came under one series."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from imaging.frames import PHASE_IMAGES, Frame
from imaging.grid import grid_affine, sort_frames
from metseg.errors import GeometryError


@dataclass(frozen=True, slots=True)
class _Trait:
    """What can tell two acquisitions apart, and which of two of one size is taken."""

    name: str
    of: Callable[[Frame], Hashable]
    rank: Callable[[Frame], float]
    """The greatest is taken."""
    which: str


def _magnitude(frame: Frame) -> float:
    """What is said to be magnitude before what says nothing, and other parts last."""
    if not PHASE_IMAGES.isdisjoint(frame.kind):
        return -1.0
    return float("M" in frame.kind or "MAGNITUDE" in frame.kind)


# Magnitude before phase and the like; the first echo is the most T1-weighted; an agent shows in the
# later phases.
_TRAITS = (
    _Trait("ImageType", lambda f: f.kind, _magnitude, "magnitude"),
    _Trait("EchoTime", lambda f: f.echo_time_ms, lambda f: -f.echo_time_ms, "the first"),
    _Trait("TemporalPosition", lambda f: f.temporal, lambda f: f.temporal, "the last"),
    _Trait("AcquisitionNumber", lambda f: f.acquisition, lambda f: f.acquisition, "the last"),
)


def one_acquisition(frames: Sequence[Frame]) -> tuple[list[Frame], list[str]]:
    """The frames of one acquisition, where several stand at the same places, and what was decided.

    Frames at places of their own are left alone, whatever their headers say: some scanners count
    the slices of one volume to several acquisitions. Otherwise frames are parted by ImageType, echo
    time, temporal position and AcquisitionNumber, as far as places repeat. Of the parts the one
    with most slices on a regular grid is taken; among equal ones magnitude, the first echo, the
    last phase, the last acquisition. What repeats then is for the caller to compare.

    Raises
    ------
    GeometryError
        See `imaging.grid.sort_frames`.
    """
    kept, decided = list(frames), []
    for trait in _TRAITS:
        if not _repeat(kept):
            break
        parts: dict[Hashable, list[Frame]] = {}
        for frame in kept:
            parts.setdefault(trait.of(frame), []).append(frame)
        if len(parts) > 1:
            kept = max(parts.values(), key=lambda part: (_slices(part), trait.rank(part[0])))
            decided.append(
                f"{len(parts)} acquisitions under one series differ in {trait.name}: "
                f"most slices were taken, of equal ones {trait.which}"
            )
    return kept, decided


def _repeat(frames: Sequence[Frame]) -> bool:
    return len(sort_frames(frames)) < len(frames)


def _slices(frames: Sequence[Frame]) -> int:
    """Places on a regular grid; 0 where they make none."""
    try:
        places = sort_frames(frames)
        grid_affine([place[0] for place in places])
    except GeometryError:
        return 0
    return len(places)
