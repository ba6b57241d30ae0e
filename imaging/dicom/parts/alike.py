"""Whether frames that are to be one volume were made alike."""

from collections.abc import Callable, Sequence

from imaging.dicom.values import kinds
from imaging.dicom.values.frames import Frame
from imaging.dicom.values.moments import spread_minutes

TOLERANCE = 0.1
"""Of a time, an angle or a thickness: writers round them, and scanners vary them a little."""
_LONGEST_SCAN_MIN = 15.0
"""From the first image of a scan to its last; a slow one takes ten minutes."""
_LOST = (2, 3)
"""How many thicknesses slices are apart where every second slice is there, or every third; `_NEAR`
is how near to these.
"""
_NEAR = 0.03
_NUMBERS: tuple[tuple[str, Callable[[Frame], float]], ...] = (
    ("SliceThickness", lambda f: f.slice_thickness),
    ("RepetitionTime", lambda f: f.timing[0]),
    ("InversionTime", lambda f: f.timing[1]),
    ("FlipAngle", lambda f: f.timing[2]),
)


def odd_together(frames: Sequence[Frame], distance_mm: float) -> list[str]:
    """Warnings about the frames of one volume, sorted and `distance_mm` apart: they may be of two
    scans, or others between them may be missing.
    """
    found = []
    minutes = spread_minutes([frame.acquired_at for frame in frames])
    if minutes > _LONGEST_SCAN_MIN:
        found.append(
            f"its images were acquired over {minutes:.0f} minutes: they may be of two scans"
        )
    stated = {frame.thickness for frame in frames}
    for said in stated if len(stated) == 1 else ():
        times = distance_mm / said if said > 0 else 0.0
        if round(times) in _LOST and abs(times - round(times)) < _NEAR * times:
            found.append(
                f"slices are {distance_mm:.1f} mm apart and {said:.1f} mm by their headers: others"
                " between them may be missing"
            )
    return found


def not_alike(frames: Sequence[Frame]) -> str | None:
    """In what frames differ that would otherwise be one volume; None where they are alike."""
    words = {kinds.telling(frame.kind) for frame in frames}
    if len(words) > 1:
        odd = sorted(frozenset.union(*words) - frozenset.intersection(*words))
        return f"images of one volume must be of one kind: ImageType differs in {len(odd)} values"
    for name, of in _NUMBERS:
        values = [value for frame in frames if (value := of(frame)) > 0]
        if values and max(values) > (1 + TOLERANCE) * min(values):
            return (
                f"images of one volume must have one {name}, got {min(values):g} to {max(values):g}"
            )
    return None
