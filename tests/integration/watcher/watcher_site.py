"""A watcher with its inbox on the test's own clock, and what it has recorded."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from db.tables.tables import FileStatus, Instance, Job, JobState, Snapshot, SourceFile, Study
from metseg.settings import Settings
from tests.integration.watcher.small_instances import uid
from watcher.intake.intake import JobKey
from watcher.watch import Watcher

QUIET_S = 3.0
KEY = JobKey("fake-1", "d" * 64)


@dataclass
class WatcherSite:
    """Settings, a home and an inbox of one test; `now` is the only clock."""

    home: Path
    url: str
    sessions: sessionmaker[Session]
    key: JobKey = KEY
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.inbox.mkdir(parents=True, exist_ok=True)

    @property
    def inbox(self) -> Path:
        return self.home / "inbox"

    @property
    def settings(self) -> Settings:
        return Settings.model_validate(self.values())

    def values(self) -> dict[str, object]:
        return {
            "home": self.home / "state",
            "database_url": self.url,
            "quiet_s": QUIET_S,
            "scan_interval_s": 1.0,
            "lease_s": 18.0,
            "min_free_mb": 0,
            "max_file_mb": 1,
            "polling": True,
        }

    @contextmanager
    def watching(self, **changed: object) -> Iterator[Watcher]:
        """A watcher that has just started."""
        watcher = Watcher(
            Settings.model_validate(self.values() | changed),
            inbox=self.inbox,
            clock=lambda: self.now,
            utc=self.utc,
            ask_key=lambda _: self.key,
        )
        try:
            yield watcher
        finally:
            watcher.close()

    def utc(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.now)

    def pass_time(self, watcher: Watcher, seconds: int = int(QUIET_S) + 2) -> None:
        """Let seconds pass, with one step in each."""
        for _ in range(seconds):
            watcher.step()
            self.now += 1.0

    def take_in(self, **changed: object) -> None:
        """A watcher starts, takes in what is there, and ends."""
        with self.watching(**changed) as watcher:
            self.pass_time(watcher)
            assert watcher.idle, watcher.view()

    def revisions(self, study: str = "S") -> list[set[str]]:
        """The hashes in each snapshot of a study, by revision."""
        with self.sessions() as session:
            snapshots = session.scalars(
                select(Snapshot.id)
                .join(Study, Study.id == Snapshot.study_id)
                .where(Study.study_instance_uid == uid(study))
                .order_by(Snapshot.revision)
            ).all()
            return [
                set(session.scalars(select(Instance.sha256).where(Instance.snapshot_id == one)))
                for one in snapshots
            ]

    def jobs(self) -> list[JobState]:
        """The states of all jobs, oldest first."""
        with self.sessions() as session:
            return list(session.scalars(select(Job.state).order_by(Job.id)))

    def files(self) -> dict[str, tuple[FileStatus, str | None]]:
        """Status and reason of each path."""
        with self.sessions() as session:
            rows = session.execute(select(SourceFile.path, SourceFile.status, SourceFile.reason))
            return {row.path: (row.status, row.reason) for row in rows}

    def leftovers(self) -> list[Path]:
        """Temporary files in the spool."""
        return list((self.settings.spool_dir / "tmp").rglob("*"))

    def statuses(self) -> set[FileStatus]:
        return {status for status, _ in self.files().values()}


def sha(*paths: Path) -> set[str]:
    """What a snapshot of these files holds."""
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def folder_state(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Mode, time and hash of all in a folder, to see that nothing in it was touched."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            path.lstat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in sorted(folder.rglob("*"))
    }
