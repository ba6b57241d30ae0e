"""Which files have stopped changing, judged from scans. Pure: the clock is an argument, no disk."""

from collections.abc import Mapping
from dataclasses import dataclass

from db.intake.fingerprint import Fingerprint

MINIMUM_SCANS = 2
"""One scan cannot distinguish a file that is complete from one that grows."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A fingerprint, since when it is unchanged (monotonic seconds), and how many scans saw it."""

    fingerprint: Fingerprint
    since: float
    scans: int


def settle(
    before: Mapping[str, Observation],
    found: Mapping[str, Fingerprint],
    *,
    now: float,
    quiet_s: float,
) -> tuple[dict[str, Observation], list[str]]:
    """Decide which files have stopped changing. No clock, no disk.

    `now` is monotonic seconds. Returns the state for the next call and the paths that are settled:
    unchanged over two scans and `quiet_s`, oldest first. A path that is not found is forgotten.
    """
    observed = {
        path: _observe(before.get(path), fingerprint, now) for path, fingerprint in found.items()
    }
    settled = [path for path, one in observed.items() if has_settled(one, now=now, quiet_s=quiet_s)]
    return observed, sorted(settled, key=lambda path: (observed[path].since, path))


def has_settled(observation: Observation, *, now: float, quiet_s: float) -> bool:
    """Whether this file has stopped changing."""
    return observation.scans >= MINIMUM_SCANS and now - observation.since >= quiet_s


def _observe(before: Observation | None, fingerprint: Fingerprint, now: float) -> Observation:
    if before is None or before.fingerprint != fingerprint:
        return Observation(fingerprint, since=now, scans=1)
    return Observation(fingerprint, since=before.since, scans=before.scans + 1)
