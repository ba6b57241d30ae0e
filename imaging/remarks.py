"""What a reader has to say beside its result."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Remarks:
    """Sentences that a reader adds to: `notes` tell how something was read, `warnings` what of it
    is doubtful.
    """

    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
