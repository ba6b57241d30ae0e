"""A worker in this process, on both databases, and studies for it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from db import jobs
from db.intake.intake import SpooledInstance, StudyIntake, lock_study, record_intake
from db.jobs import Claim
from imaging.dicom.files.headers import read_header
from metseg.disk import sha256_of, spool_path
from metseg.processes import Owner
from metseg.settings import Settings
from tests.helpers.dicom.phantom import Phantom, Recipe, uid, write_study
from tests.helpers.fakes import ThresholdEnsemble
from worker.job.execute import JobTools


@dataclass
class WorkerSite:
    """Studies in the spool, jobs in the database, and what runs them."""

    settings: Settings
    sessions: sessionmaker[Session]
    folder: Path

    def bench(self, *, token: str = "c0ffee00", pid: int = 1) -> JobTools:
        owner = Owner("worker", pid, token)
        return JobTools(self.settings, self.sessions, ThresholdEnsemble(), owner)

    def add_study(
        self,
        name: str = "study",
        *,
        slices: int = 12,
        recipe: Recipe | None = None,
        write: Callable[[Path], object] | None = None,
    ) -> tuple[int, Phantom]:
        """Spool a study and record it, as the watcher does. Returns its job and its head."""
        source = self.folder / name
        head = write_study(
            source, recipe or Recipe(name=name), shape=(slices, 36, 36), spacing=(5.0, 4.0, 4.0)
        )
        if write is not None:
            write(source)
        instances = [self._spool(path) for path in sorted(source.iterdir())]
        with self.sessions.begin() as session:
            now = datetime.now(UTC)
            outcome = record_intake(
                session,
                lock_study(session, uid(name), now=now),
                StudyIntake(tuple(instances)),
                model_version=ThresholdEnsemble.version,
                settings_digest=self.settings.result_digest(None),
                now=now,
            )
        assert outcome.job_id is not None
        return outcome.job_id, head

    def _spool(self, path: Path) -> SpooledInstance:
        header = read_header(path, max_bytes=1 << 30)
        sha256 = sha256_of(path)
        target = spool_path(self.settings.spool_dir, sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
        return SpooledInstance(
            header.series_instance_uid,
            header.sop_instance_uid,
            header.modality,
            header.size_bytes,
            sha256,
        )

    def claim(self, job_id: int, bench: JobTools, *, at: datetime | None = None) -> Claim:
        """Claim a job for the owner of `bench`, now or at another time."""
        with self.sessions.begin() as session:
            claim = jobs.claim(
                session,
                job_id,
                owner=str(bench.owner),
                now=at or datetime.now(UTC),
                max_attempts=jobs.MAX_ATTEMPTS,
            )
        assert claim is not None
        return claim


@pytest.fixture
def site(tmp_path: Path, sessions: sessionmaker[Session]) -> WorkerSite:
    """A worker on both databases."""
    settings = Settings(home=tmp_path / "home", min_free_mb=0, lease_s=9.0)
    return WorkerSite(settings, sessions, tmp_path / "sources")
