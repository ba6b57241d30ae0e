"""Trouble that processes of a host tell each other in a small file.

Times are CLOCK_MONOTONIC, which all processes of a host share.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from metseg.backoff import backoff
from metseg.disk import replace_text


@dataclass(frozen=True, slots=True)
class Pause:
    """`reason` in words for people; `until` in monotonic seconds; `hits` troubles in a row."""

    reason: str
    until: float
    hits: int


class PauseNote:
    """The file, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Pause | None:
        """The last trouble that no success has followed yet."""
        try:
            return Pause(**json.loads(self._path.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def hit(self, reason: str, *, now: float, backoff_s: float) -> Pause:
        """Note trouble: pause, twice as long as after the trouble before."""
        earlier = self.read()
        hits = 1 if earlier is None else earlier.hits + 1
        pause = Pause(reason, now + backoff(hits, first_s=backoff_s), hits)
        replace_text(self._path, json.dumps(asdict(pause)))
        return pause

    def reason(self, *, now: float) -> str | None:
        """Why there is a pause at `now`; None: there is none."""
        pause = self.read()
        return pause.reason if pause is not None and now < pause.until else None

    def clear(self) -> None:
        """Forget the trouble: a job went well."""
        self._path.unlink(missing_ok=True)
