"""Why this worker takes no jobs just now.

The child that meets trouble may have to end (a dead device), and its successor must not meet the
same trouble at once: the reason is in a note that parent and child share, and the parent shows it
in the table `worker`.
"""

from collections.abc import Mapping
from pathlib import Path

from metseg.disk import MB, free_bytes
from metseg.settings import Settings
from worker.host.pause_note import PauseNote


def pause_note(folder: Path) -> PauseNote:
    """The note of one worker, in the folder that its parent and child share."""
    return PauseNote(folder / "pause.json")


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
    reason = note.reason(now=now)
    if reason is not None:
        return reason
    folders = {"state": settings.home_dir, "results": settings.results_dir}
    return low_space(folders, min_free_mb=settings.min_free_mb)
