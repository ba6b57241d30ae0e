"""What holds still, decided from looks at it. Pure: the clock is an argument, no disk."""

from collections.abc import Mapping
from dataclasses import dataclass

MINIMUM_LOOKS = 2
"""One look cannot tell a file that stands from one that grows."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells a file from itself a moment later without reading it.

    `mtime_ns` is only ever compared with an earlier `mtime_ns`: clocks of shares lie.
    """

    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Look:
    """A fingerprint, since when it stands (monotonic seconds), and how many looks found it so."""

    fingerprint: Fingerprint
    since: float
    looks: int


def settle(
    seen: Mapping[str, Look], found: Mapping[str, Fingerprint], *, now: float, quiet_s: float
) -> tuple[dict[str, Look], list[str]]:
    """Decide which files have stopped moving. No clock, no disk.

    `now` is monotonic seconds. Returns the state for the next call and the paths that are settled:
    unmoved over two looks and `quiet_s`, oldest first. A path that is not found is forgotten.
    """
    looks = {
        path: _look_again(seen.get(path), fingerprint, now) for path, fingerprint in found.items()
    }
    settled = [path for path, look in looks.items() if has_settled(look, now=now, quiet_s=quiet_s)]
    return looks, sorted(settled, key=lambda path: (looks[path].since, path))


def has_settled(look: Look, *, now: float, quiet_s: float) -> bool:
    """Whether this one has stopped moving."""
    return look.looks >= MINIMUM_LOOKS and now - look.since >= quiet_s


def _look_again(before: Look | None, fingerprint: Fingerprint, now: float) -> Look:
    if before is None or before.fingerprint != fingerprint:
        return Look(fingerprint, since=now, looks=1)
    return Look(fingerprint, since=before.since, looks=before.looks + 1)
