"""The files that wait: how long they are unchanged, what is in them, when to try them again."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from db.intake.fingerprint import Fingerprint
from metseg.backoff import backoff
from watcher.reading.header_pass import Archive, Header, Refusal, Verdict
from watcher.scan.grouping import Waiting, is_marked
from watcher.scan.inbox import MARKER, Sighting
from watcher.scan.settle import MINIMUM_SCANS, Observation, settle

FIRST_RETRY_S = 60.0
LONGEST_RETRY_S = 3600.0
UNKNOWN = Fingerprint(-1, 0, 0)
OPEN = Archive(is_open=True)


@dataclass(slots=True)
class _Retry:
    """When to try an unreadable file again, and how often it could not be read."""

    due: float
    failures: int


@dataclass(slots=True)
class Tracker:
    """State between scans, lost at a restart without harm. No clock, no disk, no database.

    A path is in the tracker, and counts in its length, while the file waits.
    """

    _observed: dict[str, Observation] = field(default_factory=dict)
    _skips: dict[str, str] = field(default_factory=dict)
    """Why an entry is passed over, for the files in `_observed`."""
    _verdicts: dict[str, Verdict] = field(default_factory=dict)
    """What was read at the present fingerprint."""
    _hints: dict[str, str] = field(default_factory=dict)
    """Studies of files by an earlier fingerprint: they still grow, but their study is known."""
    _retries: dict[str, _Retry] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._observed)

    def __contains__(self, path: str) -> bool:
        return path in self._observed

    def observe(
        self, sightings: Mapping[str, Sighting], *, now: float, quiet_s: float
    ) -> list[str]:
        """Take over a scan's undone files; returns the paths that have settled, oldest first."""
        found = {path: sighting.fingerprint for path, sighting in sightings.items()}
        self._observed, settled = settle(self._observed, found, now=now, quiet_s=quiet_s)
        self._skips = {path: one.skip for path, one in sightings.items() if one.skip is not None}
        for path in [path for path in self._verdicts if self._is_new(path)]:
            self._keep_as_hint(path)
        for path in [path for path in self._hints if path not in self._observed]:
            del self._hints[path]
        return settled

    def _is_new(self, path: str) -> bool:
        observation = self._observed.get(path)
        return observation is None or observation.scans == 1

    def _keep_as_hint(self, path: str) -> None:
        verdict = self._verdicts.pop(path, None)
        if isinstance(verdict, Header):
            self._hints[path] = verdict.study

    def fingerprint(self, path: str) -> Fingerprint | None:
        """The fingerprint at the last scan; None when the file does not wait."""
        observation = self._observed.get(path)
        return None if observation is None else observation.fingerprint

    def skip_reason(self, path: str) -> str | None:
        """Why the entry is passed over; None when it is not."""
        return self._skips.get(path)

    def verdict(self, path: str) -> Verdict | None:
        """What is in the file; None as long as it was not read at the present fingerprint."""
        return self._verdicts.get(path)

    def headers(self) -> dict[str, Header]:
        """The headers that are known of the files that wait, by path."""
        return {
            path: verdict for path, verdict in self._verdicts.items() if isinstance(verdict, Header)
        }

    def unread(self, *, max_bytes: int) -> list[str]:
        """Files whose header is not known yet. One that keeps changing, and whose study is known,
        is read again only after two scans without a change; one too large is never opened.
        """
        return [
            path
            for path, observation in self._observed.items()
            if path not in self._verdicts
            and path not in self._skips
            and observation.fingerprint.size <= max_bytes
            and (path not in self._hints or observation.scans >= MINIMUM_SCANS)
        ]

    def set_verdict(self, path: str, verdict: Verdict) -> None:
        """Remember what is in the file, until it changes."""
        self._verdicts[path] = verdict

    def show_members(
        self,
        archive: str,
        members: Mapping[str, Fingerprint],
        *,
        refused: Mapping[str, Refusal],
    ) -> None:
        """From now on the files of an archive wait too, unchanged for as long as the archive."""
        since = self._observed[archive].since
        for path, fingerprint in members.items():
            self._retries.pop(path, None)
            self._observed[path] = Observation(fingerprint, since=since, scans=1)
        self._verdicts |= refused
        self._verdicts[archive] = OPEN

    def put_back(self, path: str) -> None:
        """The file changed after it had settled: observe it, and read it, again."""
        for memory in (self._verdicts, self._hints):
            memory.pop(path, None)
        if path in self._observed:  # it still waits
            self._observed[path] = replace(self._observed[path], fingerprint=UNKNOWN, scans=0)

    def done(self, path: str) -> None:
        """The file waits no longer."""
        for memory in (self._observed, self._skips, self._verdicts, self._hints, self._retries):
            memory.pop(path, None)

    def try_later(self, path: str, *, now: float) -> None:
        """The file cannot be read: forget it for a while, longer each time."""
        before = self._retries.get(path)
        self.done(path)
        failures = 1 if before is None else before.failures + 1
        wait = backoff(failures, first_s=FIRST_RETRY_S, longest_s=LONGEST_RETRY_S)
        self._retries[path] = _Retry(now + wait, failures)

    def hurry(self, paths: Iterable[str], *, now: float) -> None:
        """Try these files again at once: what they lacked may have come."""
        for path in paths:
            if path in self._retries:
                self._retries[path].due = now

    def is_due(self, path: str, *, now: float) -> bool:
        """Whether an unreadable file is to be tried again."""
        retry = self._retries.get(path)
        return retry is None or now >= retry.due

    def waiting(self) -> Iterator[Waiting]:
        """The files that may hold studies back, for `watcher.scan.grouping`."""
        for path, observation in self._observed.items():
            if self._skips.get(path) != MARKER and self._verdicts.get(path) != OPEN:
                yield self._waiting(path, observation)

    def _waiting(self, path: str, observation: Observation) -> Waiting:
        verdict = self._verdicts.get(path)
        if isinstance(verdict, Header):
            return Waiting(path, observation, verdict.study, readable=True)
        opening = isinstance(verdict, Archive)
        return Waiting(path, observation, self._hints.get(path), readable=False, opening=opening)

    def closed_archives(self, *, now: float, quiet_s: float) -> list[str]:
        """Archives that have settled and are not open, oldest first."""
        marked = self.marked_folders()
        ready = [
            (file.observation.since, file.path)
            for file in self.waiting()
            if file.opening
            and file.observation.scans >= MINIMUM_SCANS
            and (now - file.observation.since >= quiet_s or is_marked(file.folder, marked))
        ]
        return [path for _, path in sorted(ready)]

    def marked_folders(self) -> set[str]:
        """Folders with a marker that is not older than its own quiet time."""
        return {
            path.rpartition("/")[0] or "."
            for path, reason in self._skips.items()
            if reason == MARKER
        }
