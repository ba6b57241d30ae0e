"""Why this worker takes no jobs just now. Kept in a small file that parent and child share.

The child that meets trouble may have to end (a dead device), and its successor must not meet the
same trouble at once; the parent shows the reason in the table `worker`. Times are CLOCK_MONOTONIC,
which all processes of a host share.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from metseg.backoff import backoff
from metseg.disk import MB, free_bytes
from metseg.settings import Settings


@dataclass(frozen=True, slots=True)
class Pause:
    """`reason` in words for people; `until` in monotonic seconds; `hits` troubles in a row."""

    reason: str
    until: float
    hits: int


class PauseNote:
    """The file. Only the child writes it, and replaces it as a whole."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "pause.json"

    def read(self) -> Pause | None:
        """The last trouble that no success has followed yet."""
        try:
            return Pause(**json.loads(self._path.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def hit(self, reason: str, *, now: float, backoff_s: float) -> Pause:
        """Note trouble: pause, twice as long as after the trouble before."""
        earlier = self.read()
        hits = 1 if earlier is None else earlier.hits + 1
        pause = Pause(reason, now + backoff(hits, first_s=backoff_s), hits)
        temporary = self._path.with_suffix(".new")
        temporary.write_text(
            json.dumps({"reason": pause.reason, "until": pause.until, "hits": pause.hits})
        )
        temporary.replace(self._path)
        return pause

    def clear(self) -> None:
        """Forget the trouble: a job went well."""
        self._path.unlink(missing_ok=True)


def low_space(folders: Mapping[str, Path], *, min_free_mb: float) -> str | None:
    """Why there is too little space to take a job: the folder's role and what is left. None when
    there is enough.
    """
    for role, folder in folders.items():
        free_mb = free_bytes(folder) / MB
        if free_mb < min_free_mb:
            return f"{role}: {free_mb:.0f} MB free, {min_free_mb:.0f} MB needed"
    return None


def paused_reason(settings: Settings, note: PauseNote, *, now: float) -> str | None:
    """Why a worker with these settings takes no jobs at `now` (monotonic seconds), or None."""
    pause = note.read()
    if pause is not None and now < pause.until:
        return pause.reason
    folders = {"state": settings.home_dir, "results": settings.results_dir}
    return low_space(folders, min_free_mb=settings.min_free_mb)
