"""Who has stopped beating, judged on our own monotonic clock: clock jumps elsewhere do nothing."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Pulse:
    """A heartbeat counter and since when it stands there, in our monotonic seconds."""

    beat: int
    since: float


def feel(
    felt: Mapping[Key, Pulse], beats: Mapping[Key, int], *, now: float, limit_s: float
) -> tuple[dict[Key, Pulse], list[Key]]:
    """Find the counters that stood still for `limit_s`. No clock, no database.

    Returns the state for the next call and the keys that stand still. A key that has just
    appeared counts as alive: we have not watched it yet.
    """
    pulses = {key: _again(felt.get(key), beat, now) for key, beat in beats.items()}
    return pulses, [key for key, pulse in pulses.items() if now - pulse.since >= limit_s]


def _again(before: Pulse | None, beat: int, now: float) -> Pulse:
    return before if before is not None and before.beat == beat else Pulse(beat, now)
