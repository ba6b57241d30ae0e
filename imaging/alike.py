"""Whether frames that are to be one volume were made alike."""

from collections.abc import Callable, Sequence

from imaging import kinds
from imaging.frames import Frame

TOLERANCE = 0.1
"""Of a time, an angle or a thickness: writers round them, and scanners vary them a little."""
_NUMBERS: tuple[tuple[str, Callable[[Frame], float]], ...] = (
    ("SliceThickness", lambda f: f.slice_thickness),
    ("RepetitionTime", lambda f: f.timing[0]),
    ("InversionTime", lambda f: f.timing[1]),
    ("FlipAngle", lambda f: f.timing[2]),
)


def not_alike(frames: Sequence[Frame]) -> str | None:
    """What frames differ in that are all of one volume otherwise; None where they are alike."""
    words = {kinds.telling(frame.kind) for frame in frames}
    if len(words) > 1:
        told = sorted(frozenset.union(*words) - frozenset.intersection(*words))
        return f"images of one volume must be of one kind: ImageType differs in {len(told)} values"
    for name, of in _NUMBERS:
        values = [value for frame in frames if (value := of(frame)) > 0]
        if values and max(values) > (1 + TOLERANCE) * min(values):
            return (
                f"images of one volume must have one {name}, got {min(values):g} to {max(values):g}"
            )
    return None
