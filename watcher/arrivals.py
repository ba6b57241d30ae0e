"""One scan of the inbox and all that follows from it: read, judge, group, take in."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session, sessionmaker

from db.intake.files import may_pass
from db.intake.intake import IntakeOutcome
from db.tables.tables import FileStatus
from metseg.disk import MB, free_bytes
from metseg.errors import DiskFullError
from metseg.settings import Settings
from watcher.archives.archives import Archives
from watcher.intake.intake import DISPUTED, ArrivedStudy, Intake, IntakeReport, JobKey, StudyFile
from watcher.intake.pairing import Pairing
from watcher.reading.header_pass import Archive, Header, HeaderPass, Nifti, Refusal
from watcher.scan.grouping import ReadyStudy, StudyWait, batches, group
from watcher.scan.inbox import MARKER_FILE, ScanReport, Sighting, walk
from watcher.scan.ledger import Ledger
from watcher.scan.tracker import Tracker
from watcher.scan.verdicts import Judgement, judge, judge_refusal
from watcher.view import Tally

READ_BUDGET_S = 5.0
"""Longest time for headers in one step: doorbells and heartbeats must go on meanwhile."""
INTAKE_BUDGET_S = 5.0
"""No study is begun after this time of a step, for the same reason."""
FILES_AT_ONCE = 64
"""Studies of so many files in all are taken in together: small ones then share what each would
otherwise wait for, the disk and the commit.
"""
LOGGED_IDS = 10
NOT_OPENED = Refusal("archive", "archives are not opened, max_archive_mb is 0", ignore=True)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Arrivals:
    """Turns what lies in the inbox into snapshots and jobs. `beat` is called as work goes on."""

    settings: Settings
    inbox: Path
    sessions: sessionmaker[Session]
    headers: HeaderPass
    job_key: Callable[[], JobKey]
    beat: Callable[[], None]
    tally: Tally = field(default_factory=Tally)
    backlog: bool = False
    """Headers are left to be read, or studies to be taken in: step again at once."""
    unreadable_folders: int = 0
    waits: list[StudyWait] = field(default_factory=list)
    tracker: Tracker = field(default_factory=Tracker)
    ledger: Ledger = field(init=False)
    archives: Archives = field(init=False)
    pairing: Pairing = field(init=False)
    intake: Intake = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.sessions)
        self.pairing = Pairing(self.sessions)
        self.archives = Archives(self.settings, self.inbox, self.tracker, self.ledger)
        self.intake = Intake(
            self.inbox, self.settings.spool_dir, self.sessions, self.headers, self.beat
        )

    @property
    def max_bytes(self) -> int:
        """Size of the largest file that is opened."""
        return int(self.settings.max_file_mb * MB)

    def step(self, *, tick: float, now: datetime) -> None:
        """Scan once. `tick` is monotonic seconds and decides; `now` is UTC and is recorded.

        Raises
        ------
        InfrastructureError
            Inbox, disk or weights are away just now; `sqlalchemy.exc.OperationalError` for the
            database. Nothing is lost: the next step does what this one could not do.
        """
        if not self.ledger.loaded:
            self.ledger.load()
        undone = self._scan(tick)
        settled = self.tracker.observe(undone, now=tick, quiet_s=self.settings.quiet_s)
        self._record_new(undone, now)
        self._read_headers()
        self._pair(settled)
        self._apply(judge(settled, self.tracker, max_bytes=self.max_bytes), tick)
        if self.backlog:  # a file that is not read yet may be of any study
            return
        ready, self.waits = group(
            self.tracker.waiting(),
            marked=self.tracker.marked_folders(),
            now=tick,
            quiet_s=self.settings.quiet_s,
        )
        try:
            self._take_in_all(ready, tick=tick, now=now)
        finally:  # even when the disk is too full to take a study in
            self._close_archives(tick)
        self._open_archives(tick)

    def _scan(self, tick: float) -> dict[str, Sighting]:
        """The entries that are not dealt with yet."""
        report = ScanReport()
        undone = {}
        for sighting in walk(self.inbox, report, marker=MARKER_FILE):
            if not self._is_done(sighting, tick):
                undone[sighting.path] = sighting
        self.archives.forget(undone, complete=report.complete)
        for sighting in self.archives.sightings():
            if not self._is_done(sighting, tick):
                undone[sighting.path] = sighting
        if report.complete:
            self.ledger.mark_gone(undone)
        elif report.unreadable_folders != self.unreadable_folders:
            log.warning("%d folders of the inbox cannot be listed", report.unreadable_folders)
        self.unreadable_folders = report.unreadable_folders
        return undone

    def _is_done(self, sighting: Sighting, tick: float) -> bool:
        known = self.ledger.get(sighting.path)
        if known is None or not known.done or known.fingerprint != sighting.fingerprint:
            return False
        return not (known.passing and self.tracker.is_due(sighting.path, now=tick))

    def _record_new(self, undone: dict[str, Sighting], now: datetime) -> None:
        changed = {}
        for path, sighting in undone.items():
            known = self.ledger.get(path)
            if known is None or known.fingerprint != sighting.fingerprint:
                changed[path] = sighting.fingerprint
        self.ledger.see(changed, now=now, beat=self.beat)
        for path in changed:
            known = self.ledger.get(path)
            if known is not None and known.done and not known.passing:
                self.tracker.done(path)  # by another watcher

    def _read_headers(self) -> None:
        """Read headers for a while; the rest is the backlog of the next step."""
        end = time.monotonic() + READ_BUDGET_S
        backlog = False
        for path in self.tracker.unread(max_bytes=self.max_bytes):
            if time.monotonic() > end:
                backlog = True
                break
            verdict = self.headers.read(self.archives.source(path))
            if verdict == Archive() and not self.settings.max_archive_mb:
                verdict = NOT_OPENED
            self.tracker.set_verdict(path, verdict)
            self.beat()
        self.backlog = backlog

    def _pair(self, settled: Iterable[str]) -> None:
        """Find the studies of settled references, once everything around them is read."""
        if self.backlog:
            return
        tracker = self.tracker
        for path in settled:
            found = tracker.verdict(path)
            if isinstance(found, Nifti):
                tracker.set_verdict(path, self.pairing.pair(path, found, tracker.headers()))
            elif isinstance(found, Header) and found.refers_to:
                tracker.set_verdict(path, self.pairing.rehome(found, tracker.headers()))

    def _apply(self, judged: Iterable[Judgement], tick: float) -> None:
        """Record judgements, a batch for each reason."""
        batches: dict[tuple[FileStatus, str | None], list[str]] = {}
        for one in judged:
            known = self.ledger.get(one.path)
            if known is None or not (known.status is one.status is FileStatus.SETTLED):
                batches.setdefault((one.status, one.reason), []).append(one.path)
        for (status, reason), paths in batches.items():
            self.ledger.mark(paths, status, reason=reason, beat=self.beat)
            if status is FileStatus.QUARANTINED:
                self.tally.refused += len(paths)
                log.warning("%d files quarantined (%s): %s", len(paths), reason, self._ids(paths))
            for path in paths:
                if status is FileStatus.QUARANTINED and may_pass(reason):
                    self.tracker.try_later(path, now=tick)
                elif status is not FileStatus.SETTLED:
                    self.tracker.done(path)

    def _take_in_all(self, ready: Sequence[ReadyStudy], *, tick: float, now: datetime) -> None:
        """Take complete studies in, oldest first."""
        full: DiskFullError | None = None
        end = time.monotonic() + INTAKE_BUDGET_S
        for batch in batches(ready, files=FILES_AT_ONCE):
            if time.monotonic() > end:
                self.backlog = True
                break
            full = self._take_in_some(batch, tick=tick, now=now) or full
        if full is not None:
            raise full

    def _take_in_some(
        self, batch: Sequence[ReadyStudy], *, tick: float, now: datetime
    ) -> DiskFullError | None:
        """Take a batch in. Where it is too large for the disk, each study alone: a large one stops
        only itself.
        """
        try:
            self._take_in(batch, tick=tick, now=now)
        except DiskFullError as error:
            if len(batch) == 1:
                return error
            alone = [self._take_in_some([study], tick=tick, now=now) for study in batch]
            return next((full for full in alone if full is not None), None)
        return None

    def _take_in(self, batch: Sequence[ReadyStudy], *, tick: float, now: datetime) -> None:
        arrived = [one for one in map(self._arrived, batch) if one is not None]
        self._check_space(sum(file.fingerprint.size for one in arrived for file in one.files))
        started = time.monotonic()
        reports = self.intake.take(arrived, self.job_key(), now=now)
        seconds = time.monotonic() - started
        for taken in reports:
            self._note(taken, tick)
            if taken.outcome is not None:
                self.tally.count(taken.outcome)
                _log(taken.outcome, len(taken.ingested), seconds)
                self.tracker.hurry(self.pairing.waiting, now=tick)

    def _arrived(self, study: ReadyStudy) -> ArrivedStudy | None:
        """A complete study as `Intake` takes it; None where a file is not recorded yet: the next
        step.
        """
        files = []
        for path in study.paths:
            known = self.ledger.get(path)
            if known is None or known.fingerprint != self.tracker.fingerprint(path):
                return None
            fingerprint = self.archives.fingerprint(path, known.fingerprint)
            verdict = self.tracker.verdict(path)
            own_study = verdict.own_study if isinstance(verdict, Header) else None
            source = self.archives.source(path)
            files.append(StudyFile(path, known.id, source, fingerprint, own_study))
        return ArrivedStudy(study.study, files)

    def _close_archives(self, tick: float) -> None:
        judged = [
            Judgement(path, FileStatus.IGNORED, f"unpacked: {n_files} files")
            for path, n_files in self.archives.close_finished().items()
        ]
        self._apply(judged, tick)

    def _open_archives(self, tick: float) -> None:
        ready = self.tracker.closed_archives(now=tick, quiet_s=self.settings.quiet_s)
        refused = self.archives.step(ready)
        self._apply([judge_refusal(path, why) for path, why in refused.items()], tick)

    def _check_space(self, n_bytes: int) -> None:
        free = free_bytes(self.settings.spool_dir)
        wanted = int(self.settings.min_free_mb * MB)
        if free < wanted + n_bytes:
            raise DiskFullError(
                f"the spool must have {(wanted + n_bytes) // MB} MB free, got {free // MB}"
            )

    def _note(self, taken: IntakeReport, tick: float) -> None:
        """Remember what a study's intake did with its files."""
        for path in taken.moved:
            self.tracker.put_back(path)
        refused = [judge_refusal(path, refusal) for path, refusal in taken.refused.items()]
        if not taken.moved:
            self._apply(refused, tick)
        self.ledger.note(taken.ingested, FileStatus.INGESTED)
        self.ledger.note(taken.disputed, FileStatus.QUARANTINED, reason=DISPUTED)
        for path in (*taken.ingested, *taken.disputed):
            self.tracker.done(path)
        if taken.disputed:
            self.tally.refused += len(taken.disputed)
            log.warning(
                "%d files quarantined (%s): %s",
                len(taken.disputed),
                DISPUTED,
                self._ids(taken.disputed),
            )

    def _ids(self, paths: Sequence[str]) -> str:
        """Ids of the first files, for the log: a path may name a patient."""
        known = [self.ledger.get(path) for path in paths[:LOGGED_IDS]]
        more = ", ..." if len(paths) > LOGGED_IDS else ""
        return "files " + ", ".join(str(one.id) for one in known if one is not None) + more


def _log(outcome: IntakeOutcome, n_files: int, seconds: float) -> None:
    what = "known already" if outcome.known else f"job {outcome.job_id}"
    where = (outcome.study_id, outcome.revision)
    log.info("study %d, revision %d: %d files in %.1f s, %s", *where, n_files, seconds, what)
