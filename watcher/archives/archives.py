"""The archives of the inbox: unpacked one after the other, their files shown as if they lay there.

A file of an archive has the path ``<archive>//<path in it>``. An archive stays open until every
file of it is dealt with; a watcher that dies before that begins again, without doing a file twice.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from db.intake.fingerprint import Fingerprint, fingerprint_of
from metseg.disk import MB, free_bytes
from metseg.errors import DiskFullError
from metseg.settings import Settings
from watcher.archives.unpack_pass import (
    CRASH,
    FullDisk,
    MovedArchive,
    Outcome,
    Unpacked,
    UnpackLimits,
    UnpackPass,
)
from watcher.reading.header_pass import Refusal
from watcher.scan.inbox import INSIDE, Sighting, inside_fingerprint
from watcher.scan.ledger import Ledger
from watcher.scan.tracker import Tracker

WAIT_S = 2.0
"""Longest time in one step: doorbells and heartbeats must go on meanwhile."""
MARGIN_BYTES = 1 << 20
MAX_RATIO = 100.0
"""An archive may unpack to this multiple of its size. Images shrink to a half or a tenth of their
size; what grows a hundredfold is a bomb (Deflate can pack 1032 bytes into one).
"""
MAX_DEPTH = 2
"""Archives within archives that are opened: an archive of each study, all of them packed once more,
is depth 1; one more is allowed, and nobody packs deeper on purpose.
"""


@dataclass(frozen=True, slots=True)
class _Member:
    fingerprint: Fingerprint
    number: int | None
    skip: str | None


@dataclass(frozen=True, slots=True)
class _Open:
    fingerprint: Fingerprint
    unpacked: Unpacked
    members: Mapping[str, _Member]
    """By their paths."""

    @property
    def n_bytes(self) -> int:
        return sum(one.fingerprint.size for one in self.members.values() if one.number is not None)


@dataclass(slots=True)
class Archives:
    """Call `forget` with each scan, then `sightings`; `step` when the inbox was judged."""

    settings: Settings
    inbox: Path
    tracker: Tracker
    ledger: Ledger
    _unpacking: tuple[str, Fingerprint] | None = None
    _open: dict[str, _Open] = field(default_factory=dict)
    _crashed: set[tuple[str, Fingerprint]] = field(default_factory=set)
    _needed_bytes: int = 0
    """Free space that was not enough last time."""
    _pass: UnpackPass = field(init=False)

    def __post_init__(self) -> None:
        settings = self.settings
        self._pass = UnpackPass(
            settings.spool_dir,
            UnpackLimits(
                max_files=settings.max_archive_files,
                max_bytes=int(settings.max_archive_mb * MB),
                max_file_bytes=int(settings.max_file_mb * MB),
                ratio=MAX_RATIO,
                max_depth=MAX_DEPTH,
            ),
            min_free_bytes=int(settings.min_free_mb * MB),
        )

    @property
    def busy(self) -> bool:
        """Whether something is being unpacked: look again soon."""
        return self._unpacking is not None

    def forget(self, undone: Mapping[str, Sighting], *, complete: bool) -> None:
        """Drop what was unpacked from archives that changed, or that left the inbox.

        `complete`: the scan saw all that is there.
        """
        for path, opened in list(self._open.items()):
            if self._has_left(path, opened.fingerprint, undone, complete=complete):
                self._drop(path)
        if self._unpacking is not None and self._has_left(
            *self._unpacking, undone, complete=complete
        ):
            self._pass.close()
            self._unpacking = None

    @staticmethod
    def _has_left(
        path: str, before: Fingerprint, undone: Mapping[str, Sighting], *, complete: bool
    ) -> bool:
        now = undone.get(path)
        return complete if now is None else now.fingerprint != before

    def sightings(self) -> Iterator[Sighting]:
        """The files of all open archives."""
        for opened in self._open.values():
            for path, one in opened.members.items():
                yield Sighting(path, one.fingerprint, one.skip)

    def source(self, path: str) -> Path:
        """Where the bytes of a path are: in the inbox, or unpacked."""
        archive, inside, _ = path.partition(INSIDE)
        if not inside:
            return self.inbox / path
        opened = self._open[archive]
        return opened.unpacked.folder / str(opened.members[path].number)

    def fingerprint(self, path: str, recorded: Fingerprint) -> Fingerprint:
        """The fingerprint that the bytes of a path must have when they are copied."""
        if INSIDE not in path:
            return recorded
        try:
            return fingerprint_of(self.source(path).lstat())
        except OSError:
            return recorded  # the copy will find it gone

    def step(self, ready: Sequence[str]) -> dict[str, Refusal]:
        """Unpack for a while, in the order of `ready`; returns what is refused.

        Raises
        ------
        InfrastructureError
            The spool cannot be written; `DiskFullError` when it is full.
        """
        refused: dict[str, Refusal] = {}
        waiting = [path for path in ready if path not in self._open]
        end = time.monotonic() + WAIT_S
        while (left := end - time.monotonic()) > 0:
            if self._unpacking is None and not self._start_next(waiting):
                break
            assert self._unpacking is not None
            outcome = self._pass.outcome(left)
            if outcome is None:
                break
            path, fingerprint = self._unpacking
            self._unpacking = None
            waiting = [one for one in waiting if one != path]
            if isinstance(outcome, Refusal) and not self._may_try_again(path, fingerprint, outcome):
                refused[path] = outcome
            else:
                self._take(path, fingerprint, outcome)
        if self._unpacking is None:
            self._pass.close()  # nothing waits: no process need stay
        return refused

    def _may_try_again(self, path: str, fingerprint: Fingerprint, refusal: Refusal) -> bool:
        """Whether the child died for the first time: a person may have ended it."""
        if refusal.code != CRASH or (path, fingerprint) in self._crashed:
            return False
        self._crashed.add((path, fingerprint))
        return True

    def _start_next(self, waiting: Sequence[str]) -> bool:
        held = sum(opened.n_bytes for opened in self._open.values())
        path = next((one for one in waiting if one in self.tracker), None)
        fingerprint = None if path is None else self.tracker.fingerprint(path)
        if path is None or fingerprint is None or held > self.settings.max_archive_mb * MB:
            return False
        if free_bytes(self.settings.spool_dir) <= self._needed_bytes:
            raise DiskFullError(
                f"the spool must have over {self._needed_bytes // MB} MB free to unpack"
            )
        self._pass.start(self.inbox / path, fingerprint)
        self._unpacking = path, fingerprint
        return True

    def _take(self, path: str, fingerprint: Fingerprint, outcome: Outcome) -> None:
        if isinstance(outcome, (MovedArchive, Refusal)):
            self.tracker.put_back(path)
        elif isinstance(outcome, FullDisk):
            # How much is needed is not known: more than there is.
            self._needed_bytes = free_bytes(self.settings.spool_dir) + MARGIN_BYTES
        elif isinstance(outcome, Unpacked):
            self._needed_bytes = 0
            self._show(path, fingerprint, outcome)

    def _show(self, path: str, fingerprint: Fingerprint, unpacked: Unpacked) -> None:
        """From now on the files of the archive count as present, as long as it is unchanged."""
        members, refused = {}, {}
        for entry in unpacked.entries():
            inside = f"{path}{INSIDE}{entry.name}"
            found = inside_fingerprint(fingerprint, entry.size)
            members[inside] = _Member(found, entry.number, entry.skip)
            if entry.code is not None:
                refused[inside] = Refusal(entry.code, str(entry.message))
        self._open[path] = _Open(fingerprint, unpacked, members)
        self.tracker.show_members(
            path, {inside: one.fingerprint for inside, one in members.items()}, refused=refused
        )

    def close_finished(self) -> dict[str, int]:
        """Close the archives whose files are all dealt with; returns how many files each had.

        An archive whose files cannot be read any more is put back, to be unpacked again.
        """
        done = {}
        for path, opened in list(self._open.items()):
            if any(inside in self.tracker for inside in opened.members):
                continue
            known = (self.ledger.get(inside) for inside in opened.members)
            if all(one is not None and one.done and not one.passing for one in known):
                done[path] = len(opened.members)
            else:
                self.tracker.put_back(path)
            self._drop(path)
        return done

    def _drop(self, path: str) -> None:
        self._open.pop(path).unpacked.close()

    def close(self) -> None:
        """End the child, and delete what is unpacked."""
        for path in list(self._open):
            self._drop(path)
        self._pass.close()
        self._unpacking = None
