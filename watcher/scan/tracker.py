"""The files that are not dealt with yet: how long they stand, what is in them, who is refused."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from watcher.reading.header_pass import Archive, Header, Verdict
from watcher.scan.grouping import Waiting, is_marked
from watcher.scan.inbox import MARKER, Sighting
from watcher.scan.settle import MINIMUM_LOOKS, Fingerprint, Look, settle

FIRST_RETRY_S = 60.0
LONGEST_RETRY_S = 3600.0
UNKNOWN = Fingerprint(-1, 0, 0)
OPEN = Archive(is_open=True)


@dataclass(slots=True)
class Retry:
    """When to try an unreadable file again, and how long it waited for that."""

    due: float
    waited_s: float


@dataclass(slots=True)
class Tracker:
    """State between scans, lost at a restart without harm. No clock, no disk, no database."""

    looks: dict[str, Look] = field(default_factory=dict)
    skips: dict[str, str] = field(default_factory=dict)
    """Why an entry is no file of ours, for the files in `looks`."""
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    """What was read at the present fingerprint."""
    hints: dict[str, str] = field(default_factory=dict)
    """Studies of files by an earlier fingerprint: still growing, but we know whose they are."""
    retries: dict[str, Retry] = field(default_factory=dict)

    def observe(
        self, sightings: Mapping[str, Sighting], *, now: float, quiet_s: float
    ) -> list[str]:
        """Take over a scan's undone files; returns the paths that have settled, oldest first."""
        before = self.looks
        found = {path: sighting.fingerprint for path, sighting in sightings.items()}
        self.looks, settled = settle(before, found, now=now, quiet_s=quiet_s)
        self.skips = {path: one.skip for path, one in sightings.items() if one.skip is not None}
        for path in [path for path in self.verdicts if self._is_new(path)]:
            self._keep_as_hint(path)
        for path in [path for path in self.hints if path not in self.looks]:
            del self.hints[path]
        return settled

    def _is_new(self, path: str) -> bool:
        look = self.looks.get(path)
        return look is None or look.looks == 1

    def _keep_as_hint(self, path: str) -> None:
        verdict = self.verdicts.pop(path, None)
        if isinstance(verdict, Header):
            self.hints[path] = verdict.study

    def unread(self, *, max_bytes: int) -> list[str]:
        """Files whose header is not known yet. One that keeps changing is read again only once it
        stood for two looks, if we know whose it is; one that is too large is never opened."""
        return [
            path
            for path, look in self.looks.items()
            if path not in self.verdicts
            and path not in self.skips
            and look.fingerprint.size <= max_bytes
            and (path not in self.hints or look.looks >= MINIMUM_LOOKS)
        ]

    def put_back(self, path: str) -> None:
        """The file moved after it had settled: look at it, and read it, again."""
        for memory in (self.verdicts, self.hints):
            memory.pop(path, None)
        if path in self.looks:  # it still waits
            self.looks[path] = replace(self.looks[path], fingerprint=UNKNOWN, looks=0)

    def done(self, path: str) -> None:
        """Nothing waits for this file any more."""
        for memory in (self.looks, self.skips, self.verdicts, self.hints, self.retries):
            memory.pop(path, None)

    def try_later(self, path: str, *, now: float) -> None:
        """The file cannot be read: forget it for a while, longer each time."""
        before = self.retries.get(path)
        self.done(path)
        wait = FIRST_RETRY_S if before is None else min(2 * before.waited_s, LONGEST_RETRY_S)
        self.retries[path] = Retry(now + wait, wait)

    def hurry(self, paths: Iterable[str], *, now: float) -> None:
        """Try these files again at once: what they lacked may have come."""
        for path in paths:
            if path in self.retries:
                self.retries[path].due = now

    def is_due(self, path: str, *, now: float) -> bool:
        """Whether an unreadable file is to be tried again."""
        retry = self.retries.get(path)
        return retry is None or now >= retry.due

    def waiting(self) -> Iterator[Waiting]:
        """The files that may hold studies back, for `watcher.scan.grouping`."""
        for path, look in self.looks.items():
            if self.skips.get(path) != MARKER and self.verdicts.get(path) != OPEN:
                yield self._waiting(path, look)

    def _waiting(self, path: str, look: Look) -> Waiting:
        verdict = self.verdicts.get(path)
        if isinstance(verdict, Header):
            return Waiting(path, look, verdict.study, readable=True)
        opening = isinstance(verdict, Archive)
        return Waiting(path, look, self.hints.get(path), readable=False, opening=opening)

    def closed_archives(self, *, now: float, quiet_s: float) -> list[str]:
        """Archives that have settled and are not open, oldest first."""
        marked = self.marked_folders()
        ready = [
            file
            for file in self.waiting()
            if file.opening
            and file.look.looks >= MINIMUM_LOOKS
            and (now - file.look.since >= quiet_s or is_marked(file.folder, marked))
        ]
        return [file.path for file in sorted(ready, key=lambda one: (one.look.since, one.path))]

    def marked_folders(self) -> set[str]:
        """Folders with a marker that is not older than its own quiet time."""
        return {
            path.rpartition("/")[0] or "."
            for path, reason in self.skips.items()
            if reason == MARKER
        }
