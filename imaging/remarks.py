"""What a reader has to say beside its result."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Remarks:
    """Sentences that a reader adds to: `notes` tell how something was read, `warnings` what of it
    is doubtful.
    """

    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def listed(parts: Sequence[object], most: int) -> str:
    """The first `most` of them, and how many more there are."""
    more = len(parts) - most
    return ", ".join(map(str, parts[:most])) + (f" and {more} more" if more > 0 else "")
