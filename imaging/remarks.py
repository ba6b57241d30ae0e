"""What a reader reports beside its result."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Remarks:
    """Sentences that a reader adds to: `notes` say how something was read, `warnings` what in it is
    doubtful.
    """

    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def listed(parts: Sequence[object], most: int) -> str:
    """The first `most` parts, and how many more there are."""
    more = len(parts) - most
    return ", ".join(map(str, parts[:most])) + (f" and {more} more" if more > 0 else "")
