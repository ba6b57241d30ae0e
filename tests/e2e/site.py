"""A whole metseg on real processes for fault tests: inbox, watcher, workers, and ways to hurt
them.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from celery import Celery
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from db.processes import ProcessRow, live
from db.session import make_engine, session_factory
from db.tables.result_tables import ArtifactRow, LesionRow, Result
from db.tables.tables import Job, JobState, Role, Snapshot, Study
from db.upgrade import migrate
from metseg.broker import SEGMENT_TASK, make_celery
from metseg.settings import Settings
from tests.e2e.proc import Proc
from tests.helpers.dicom.phantom import CANARY_ID, CANARY_NAME, Phantom, Recipe, uid, write_study
from tests.helpers.invariants import check_invariants
from tests.helpers.places import ROOT
from tests.helpers.servers.services import PATIENCE_S, wait_until

WORK = """
from metseg.logs import setup_logging
from metseg.settings import Settings
from worker.process.service import work
setup_logging(style="json")
work(Settings())
"""
FAST = {
    "ENSEMBLE": "tests.helpers.fakes:ThresholdEnsemble",
    "LEASE_S": "8",
    "BACKOFF_S": "0.5",
    "QUIET_S": "0.4",
    "SCAN_INTERVAL_S": "0.5",
    "MIN_FREE_MB": "0",
    "LOG_FORMAT": "json",
}
"""The daemon's settings, many times faster. Heartbeats and looks at leases follow from `LEASE_S`
(0.9 and 0.4 s), doorbells that ring again from `BACKOFF_S` (2 s).
"""


@dataclass
class Site:
    """Folders, database and processes of one test."""

    home: Path
    database_url: str
    broker_url: str | None = None
    extra: dict[str, str] = field(default_factory=dict)
    processes: list[Proc] = field(default_factory=list)
    phantoms: dict[str, Phantom] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder in (self.inbox, self.faults, self.state, self.logs):
            folder.mkdir(parents=True, exist_ok=True)
        migrate(self.database_url)
        self.engine = make_engine(self.database_url)

    @property
    def inbox(self) -> Path:
        return self.home / "inbox"

    @property
    def faults(self) -> Path:
        return self.home / "faults"

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def results(self) -> Path:
        return Path(self.extra.get("RESULTS", self.state / "results"))

    @property
    def sessions(self) -> sessionmaker[Session]:
        return session_factory(self.engine)

    def environment(self) -> dict[str, str]:
        """What the processes see: nothing of the surrounding METSEG_ settings."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith("METSEG_")}
        ours = FAST | {
            "HOME": str(self.state),
            "INBOX": str(self.inbox),
            "DATABASE_URL": self.database_url,
        }
        if self.broker_url is not None:
            ours["BROKER_URL"] = self.broker_url
        ours |= self.extra
        return (
            clean
            | {f"METSEG_{name}": value for name, value in ours.items()}
            | {
                "FAKE_FAULTS": str(self.faults),
                "PYTHONPATH": str(ROOT),
            }
        )

    def start(self, *command: str, name: str) -> Proc:
        """Start a process of ours; its log is `name`."""
        log = self.logs / f"{name}-{len(self.processes)}.log"
        with log.open("ab") as output:
            popen = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        process = Proc(popen, log)
        self.processes.append(process)
        return process

    def worker(self) -> Proc:
        """Start a worker: Celery's with a broker, else the embedded one."""
        return self.start("-c", WORK, name="worker")

    def watcher(self) -> Proc:
        """Start the watcher with its reconciler."""
        return self.start("-m", "metseg", "watch", name="watcher")

    def drop(self, name: str, *, slices: int) -> str:
        """Copy a study into the inbox and return its UID. Faults are ordered by its number of
        slices.
        """
        self.phantoms[uid(name)] = write_study(
            self.inbox / name,
            Recipe(name=name),
            shape=(slices, 36, 36),
            spacing=(5.0, 4.0, 4.0),
        )
        return uid(name)

    def order(self, slices: int | str, fault: str) -> Path:
        """Order a fault for volumes of this number of slices; remove the file to end it."""
        path = self.faults / str(slices)
        path.with_suffix(".new").write_text(fault)
        path.with_suffix(".new").rename(path)
        return path

    def seen(self, slices: int) -> int:
        """How often the ensemble has seen a volume of this number of slices."""
        return len(list(self.faults.glob(f"seen-{slices}-*")))

    def job(self, study_uid: str) -> Job | None:
        """The newest job of a study."""
        with self.sessions() as session:
            return session.scalars(
                select(Job)
                .join(Snapshot, Snapshot.id == Job.snapshot_id)
                .join(Study, Study.id == Snapshot.study_id)
                .where(Study.study_instance_uid == study_uid)
                .order_by(Job.id.desc())
            ).first()

    def state_of(self, study_uid: str) -> JobState | None:
        """The state of its newest job."""
        job = self.job(study_uid)
        return None if job is None else job.state

    def until(self, ready: Callable[[], bool], what: str, *, seconds: float = PATIENCE_S) -> None:
        """Wait, and show the logs if the time is over."""
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                self.show_logs()
            wait_until(ready, seconds=max(0.1, end - time.monotonic()), what=what)

    def until_state(self, study_uid: str, state: JobState, *, seconds: float = PATIENCE_S) -> None:
        """Wait until the study's newest job is in this state."""
        self.until(lambda: self.state_of(study_uid) is state, f"job {state.value}", seconds=seconds)

    def until_seen(self, slices: int, times: int = 1, *, seconds: float = PATIENCE_S) -> None:
        """Wait until the ensemble has seen such a volume this often."""
        self.until(lambda: self.seen(slices) >= times, f"{slices} slices seen", seconds=seconds)

    def send(self, *messages: object) -> None:
        """Send messages to the workers as if the reconciler had."""
        with self._celery() as app:
            for message in messages:
                app.send_task(SEGMENT_TASK, [message])

    def waiting_messages(self) -> int:
        """How many messages nobody has taken yet."""
        with self._celery() as app, app.connection_for_read() as connection:
            queue = connection.default_channel.queue_declare("metseg", passive=False)
            return int(queue.message_count)

    def _celery(self) -> Celery:
        assert self.broker_url is not None
        return make_celery(Settings(broker_url=self.broker_url))

    def workers(self) -> list[ProcessRow]:
        """The rows of workers."""
        with self.sessions() as session:
            return live(session, Role.WORKER)

    def paused_reason(self) -> str | None:
        """Why the first worker takes no jobs."""
        return next((row.paused_reason for row in self.workers()), None)

    def freeze(self, process: Proc) -> None:
        """Stop a process and all below it, but not in a SQLite write, which would block all."""
        while True:
            process.signal_all(signal.SIGSTOP)
            try:
                with self.sessions.begin() as session:
                    session.execute(text("SELECT 1"))
                return
            except OperationalError:
                process.signal_all(signal.SIGCONT)

    def show_logs(self) -> None:
        for log in sorted(self.logs.iterdir()):
            sys.stdout.write(f"--- {log.name}\n{log.read_text(errors='replace')[-4000:]}\n")

    def stop(self) -> None:
        """Kill whatever still runs."""
        for process in self.processes:
            process.kill()

    def close(self) -> None:
        """Kill whatever still runs, and leave the database."""
        self.stop()
        self.engine.dispose()

    def check(self) -> None:
        """What must hold after every fault, once all is quiet."""
        self._check_results()
        self._check_folders()
        with self.sessions() as session:
            check_invariants(session, results_dir=self.results, spool_dir=self.state / "spool")
        self._check_canary()

    def _check_results(self) -> None:
        """Each recorded study has the known numbers of the fake ensemble, once."""
        with self.sessions() as session:
            for result, study in session.execute(
                select(Result, Study.study_instance_uid).join(Study, Study.id == Result.study_id)
            ):
                phantom = self.phantoms[study]
                lesions = session.scalars(
                    select(LesionRow.voxel_count)
                    .where(LesionRow.result_id == result.id)
                    .order_by(LesionRow.number)
                ).all()
                labels = phantom.labels
                expected = [int((labels == n).sum()) for n in range(1, labels.max() + 1)]
                assert list(lesions) == sorted(expected, reverse=True)

    def _check_folders(self) -> None:
        """The folders of results are those that the rows name, file by file."""
        with self.sessions() as session:
            named = {self.results / path for path in session.scalars(select(ArtifactRow.path))}
        self.until(lambda: self._files() == named, "only recorded files remain", seconds=25)

    def _files(self) -> set[Path]:
        return {path for path in self.results.rglob("*") if path.is_file()}

    def _check_canary(self) -> None:
        """The patient is named nowhere: not in logs, in file names, or in any file but SEG and
        spool.
        """
        for path in [*self.logs.iterdir(), *self.results.rglob("*")]:
            assert "CANARY" not in path.name
            if path.is_file() and path.suffix != ".dcm":
                content = path.read_bytes()
                assert CANARY_NAME.encode() not in content, path
                assert CANARY_ID.encode() not in content, path
                assert b"CANARY" not in content, path
