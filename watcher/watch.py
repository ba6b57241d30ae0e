"""The watcher, one step at a time: scan the inbox, keep the queue moving, send a heartbeat."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from db.intake.intake import spooled_hashes
from db.session import make_engine, read_only, session_factory
from db.trouble import database_trouble, is_database_away
from db.upgrade import require_current
from metseg.disk import MB
from metseg.errors import MetsegError
from metseg.settings import Settings
from watcher.arrivals import Arrivals
from watcher.intake.intake import JobKey
from watcher.intake.job_key import job_key
from watcher.intake.spooling import sweep
from watcher.queue.doorbell import make_ringer
from watcher.queue.presence import Presence
from watcher.queue.reconcile import Reconciler
from watcher.queue.rerun import rerun_known
from watcher.reading.header_pass import HeaderPass
from watcher.scan.events import Hints
from watcher.scan.inbox import stands
from watcher.scan.places import check_places
from watcher.view import StudyView, WatcherView, study_label

SCANS_PER_QUIET_TIME = 3
"""While something waits: fewer would lengthen the wait."""
SHARE_OF_TIME = 10
"""A scan that took a second is not repeated within ten, whatever the file events say."""
UNPACKING_S = 0.5
"""Time between scans while an archive is being unpacked."""
NEW_STUDIES_S = 1.0
"""Most often that doorbells ring for studies that have just been taken in."""
SWEEP_EVERY_S = 3600.0
REPEAT_S = 60.0
"""A log whose beginning has scrolled away must still say what the watcher waits for."""

log = logging.getLogger(__name__)


class Watcher:
    """The watcher of one inbox. Call `step` often: it does what is due and returns.

    Parameters
    ----------
    clock, utc
        Monotonic seconds, which decide, and UTC, which is only recorded.
    ask_key
        Gives the model and the settings that jobs are for; asked again until it succeeds.

    Raises
    ------
    ConfigurationError
        A folder of metseg lies in the inbox, or the inbox in one of them.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        inbox: Path,
        clock: Callable[[], float] = time.monotonic,
        utc: Callable[[], datetime] = lambda: datetime.now(UTC),
        ask_key: Callable[[Settings], JobKey] = job_key,
    ) -> None:
        check_places(settings, inbox)
        self._settings, self._inbox = settings, inbox
        self._clock, self._utc, self._ask_key = clock, utc, ask_key
        self._engine = make_engine(settings.database)
        self._sessions: sessionmaker[Session] = session_factory(self._engine)
        self._headers = HeaderPass(max_bytes=int(settings.max_file_mb * MB))
        self._hints = Hints(inbox, polling=settings.polling)
        self._presence = Presence(self._sessions, every_s=settings.beat_s)
        self._reconciler = Reconciler(settings, self._sessions, make_ringer(settings))
        self._arrivals = Arrivals(
            settings, inbox, self._sessions, self._headers, self._key, self._go_on
        )
        self._job_key: JobKey | None = None
        self._paused: dict[str, str] = {}
        self._repeat_at: dict[str, float] = {}
        self._checked = self._reran = False
        self._scans = 0
        self._next_scan = self._next_sweep = self._earliest_scan = float("-inf")
        self._reconciled = float("-inf")
        self._rung_for = 0

    def step(self) -> None:
        """Do what is due: scan the inbox, reconcile, sweep the spool, beat.

        A fault outside (database, broker, disk, share) is remembered and shown; what it stopped is
        done at a later step.
        """
        if self._clock() >= self._next_scan:
            self._guard("inbox", self._scan)
        self._reconcile_when_due()
        if self._clock() >= self._next_sweep and self._scans:
            self._guard("spool", self._sweep)
            self._next_sweep = self._clock() + SWEEP_EVERY_S
        self._guard("beat", self._beat)

    def wait(self, seconds: float) -> None:
        """Wait for the next thing to do, `seconds` at most; file events end the wait."""
        next_reconcile = self._reconciled + self._settings.reconcile_s
        until_due = min(self._next_scan, next_reconcile) - self._clock()
        if self._hints.wait(max(0.0, min(seconds, until_due))):
            self._next_scan = min(self._next_scan, self._earliest_scan)

    @property
    def idle(self) -> bool:
        """Whether everything in the inbox is taken in or refused, and nothing is paused."""
        return (
            self._scans >= 2
            and not self._paused
            and not self._arrivals.tracker
            and (self._reran or not self._settings.rerun_known)
        )

    def view(self) -> WatcherView:
        """What waits and why, as of the last step."""
        arrivals, tally = self._arrivals, self._arrivals.tally
        waits = sorted(arrivals.waits, key=lambda wait: wait.seconds_left)
        return WatcherView(
            files_waiting=len(arrivals.tracker),
            studies_waiting=tuple(
                StudyView(study_label(wait.study), wait.n_files, wait.seconds_left, wait.why)
                for wait in waits
            ),
            taken_in=tally.taken_in,
            known=tally.known,
            refused=tally.refused,
            paused_reason=self.paused_reason,
        )

    @property
    def paused_reason(self) -> str | None:
        """What keeps the watcher from working just now; None when nothing does."""
        return "; ".join(self._paused.values()) or None

    def close(self) -> None:
        """Stop: remove the process's row, end the child processes."""
        self._hints.close()
        self._headers.close()
        self._arrivals.archives.close()
        try:
            self._presence.leave()
        except SQLAlchemyError as error:
            if not is_database_away(error):
                raise
            log.warning("the database does not answer: this process's row stays for a while")
        self._engine.dispose()

    def _scan(self) -> None:
        self._check_schema()
        self._hints.revive()
        started = self._clock()
        self._next_scan = started + self._settings.scan_interval_s  # also when it fails
        try:
            self._arrivals.step(tick=started, now=self._utc())
            self._scans += 1
            self._rerun()
        finally:
            self._plan_scan(started)

    def _plan_scan(self, started: float) -> None:
        """Scan soon while something waits, else at the scan interval; never busily."""
        ended = self._clock()
        interval = self._settings.scan_interval_s
        self._earliest_scan = ended + min(interval, max(1.0, SHARE_OF_TIME * (ended - started)))
        if self._arrivals.backlog:
            interval = 0.0
        elif self._arrivals.archives.busy:
            interval = min(interval, UNPACKING_S)
        elif self._arrivals.tracker:
            interval = min(interval, max(0.1, self._settings.quiet_s / SCANS_PER_QUIET_TIME))
        else:
            self._headers.close()
        self._next_scan = ended + interval

    def _check_schema(self) -> None:
        if not self._checked:
            require_current(self._engine)
            self._checked = True

    def _rerun(self) -> None:
        """Make jobs for known studies, once, when all that lies in the inbox is known."""
        if self._reran or not self._settings.rerun_known:
            return
        jobs = rerun_known(
            self._sessions,
            self._key(),
            stands=lambda path, before: stands(self._inbox, path, before),
            now=self._utc(),
            meanwhile=self._go_on,
        )
        self._reran = True
        if jobs:
            log.info("%d known studies run again: the model or a setting has changed", jobs)

    def _go_on(self) -> None:
        """What must not wait for the end of a long scan."""
        self._beat()
        self._reconcile_when_due()

    def _reconcile_when_due(self) -> None:
        """At its interval, and soon after studies were taken in: idle workers wait for them."""
        taken_in = self._arrivals.tally.taken_in
        interval = self._settings.reconcile_s
        if taken_in != self._rung_for:
            interval = min(interval, NEW_STUDIES_S)
        if self._clock() < self._reconciled + interval:
            return
        self._rung_for = taken_in
        self._guard("queue", self._reconcile)
        self._reconciled = self._clock()

    def _reconcile(self) -> None:
        self._check_schema()
        self._reconciler.step(tick=self._clock(), now=self._utc())

    def _sweep(self) -> None:
        orphans = sweep(self._settings.spool_dir, self._referenced)
        if orphans:
            log.info("%d copies that no study refers to are deleted", orphans)

    def _referenced(self, hashes: Sequence[str]) -> set[str]:
        self._beat()
        with self._sessions() as session:
            return spooled_hashes(read_only(session), hashes)

    def _beat(self) -> None:
        if self._checked:
            self._presence.beat(
                tick=self._clock(), now=self._utc(), paused_reason=self.paused_reason
            )

    def _key(self) -> JobKey:
        if self._job_key is None:
            self._job_key = self._ask_key(self._settings)
        return self._job_key

    def _guard(self, what: str, work: Callable[[], None]) -> None:
        """Run one part of the step. A fault outside stops this part, not the loop."""
        try:
            work()
        except MetsegError as error:
            self._pause(what, f"{error.code}: {error}")
        except SQLAlchemyError as error:
            if not is_database_away(error):
                raise
            self._pause(what, f"database: {database_trouble(error, self._settings.database)}")
            self._engine.dispose()
        else:
            if self._paused.pop(what, None) is not None:
                log.info("%s: goes on", what)

    def _pause(self, what: str, reason: str) -> None:
        """Remember and log why a part pauses; log it again every `REPEAT_S` while it lasts."""
        if self._paused.get(what) != reason or self._clock() >= self._repeat_at[what]:
            log.warning("%s: paused, %s", what, reason)
            self._repeat_at[what] = self._clock() + REPEAT_S
        self._paused[what] = reason
