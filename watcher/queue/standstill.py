"""Which heartbeats have stopped, judged by the monotonic clock of this process: jumps of a clock
elsewhere do not matter.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class JobProgress:
    """The heartbeat counter of a job or process, and since when it is unchanged (monotonic seconds
    of this process).
    """

    beat: int
    since: float


def find_stopped(
    before: Mapping[Key, JobProgress], beats: Mapping[Key, int], *, now: float, limit_s: float
) -> tuple[dict[Key, JobProgress], list[Key]]:
    """Find the counters that have not changed for `limit_s`. No clock, no database.

    Returns the state for the next call and the keys whose counter stands still. A key that has just
    appeared counts as alive: it has not been watched yet.
    """
    progress = {key: _progress(before.get(key), beat, now) for key, beat in beats.items()}
    return progress, [key for key, one in progress.items() if now - one.since >= limit_s]


def _progress(before: JobProgress | None, beat: int, now: float) -> JobProgress:
    return before if before is not None and before.beat == beat else JobProgress(beat, now)
