"""The same studies by one, two and four workers of a host: ``make bench-workers``.

The workers are real processes on the processor, each with its share of the cores, on one database.
Prints the seconds per study from the moment when every worker has recorded its first one, so that
loading does not count, by those of the fastest row; and the largest memory of a worker with its
child.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil
from pydicom.uid import generate_uid
from rich.console import Console
from sqlalchemy import select

from benchmarks.printing import table_of
from benchmarks.stages import take_in
from db.jobs import job_counts
from db.jobs.states import EventCode
from db.session import make_engine, read_only, session_factory
from db.tables.tables import JobEvent, JobState
from db.upgrade import migrate
from demo.study import WORDS, load_head
from imaging.export.dicom.series import series_instances, write_instance
from metseg.settings import Settings

LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds per study of so many workers together, and the memory of the largest."""

    workers: int
    seconds: float
    mib: float


def main() -> None:
    """Parse the arguments, run each number of workers, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=16)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="metseg-bench-") as place:
        folder = Path(place)
        taken_in(folder, arguments.studies)
        runs = [one_run(folder, number) for number in arguments.workers]
    print_table(runs, arguments.studies)


def taken_in(folder: Path, studies: int) -> None:
    """A home below `folder` whose jobs wait: copies of the demo study, each with its own UIDs."""
    settings = Settings(home=folder / "home", quiet_s=0.2, scan_interval_s=0.2)
    settings.home_dir.mkdir()
    migrate(settings.database)
    head = load_head()
    for number in range(studies):
        inbox = folder / "inbox" / str(number)
        inbox.mkdir(parents=True)
        uids = [str(generate_uid(entropy_srcs=["bench", what, str(number)])) for what in "ab"]
        sources = series_instances(head.volume, study_uid=uids[0], series_uid=uids[1], words=WORDS)
        for dataset in sources:
            write_instance(dataset, inbox / f"{dataset.InstanceNumber:04d}.dcm")
    take_in(settings, folder / "inbox")


def one_run(folder: Path, workers: int) -> Run:
    """Let so many workers do all jobs of a copy of the home."""
    home = folder / f"home-{workers}"
    shutil.copytree(folder / "home", home)
    environment = os.environ | {"METSEG_HOME": str(home), "METSEG_DEVICE": "cpu"}
    command = [sys.executable, "-m", "metseg", "work"]
    processes = [subprocess.Popen(command, env=environment) for _ in range(workers)]
    try:
        mib = _until_done(home, [process.pid for process in processes])
        return Run(workers, _seconds(home), mib)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()
        shutil.rmtree(home)


def _until_done(home: Path, pids: list[int]) -> float:
    """Wait until no job is left. Returns the largest memory of one worker at any time, MiB.

    Raises
    ------
    RuntimeError
        A job failed.
    """
    largest = 0.0
    sessions = session_factory(make_engine(Settings(home=home).database))
    while True:
        with sessions() as session:
            counts = job_counts(read_only(session))
        if counts[JobState.FAILED]:
            raise RuntimeError("every demo study must be recorded, one failed")
        if not counts[JobState.PENDING] + counts[JobState.RUNNING]:
            return largest
        largest = max(largest, *(_mib(pid) for pid in pids))
        time.sleep(LOOK_S)


def _mib(pid: int) -> float:
    """Memory of a process and those below it that nobody else uses."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        worker = psutil.Process(pid)
        for process in (worker, *worker.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += process.memory_full_info().uss
    return total / 2**20


def _seconds(home: Path) -> float:
    """Per study, once every worker that took part has recorded one."""
    sessions = session_factory(make_engine(Settings(home=home).database))
    with sessions() as session:
        ended = select(JobEvent.at, JobEvent.actor).where(JobEvent.code == EventCode.FINALISED)
        rows = read_only(session).execute(ended.order_by(JobEvent.at)).all()
    firsts: dict[str, datetime] = {}
    for at, actor in rows:
        firsts.setdefault(actor, at)
    start = max(firsts.values())
    later = [at for at, _ in rows if at > start]
    return (later[-1] - start).total_seconds() / len(later)


def print_table(runs: list[Run], studies: int) -> None:
    """One line for each number of workers."""
    best = min(run.seconds for run in runs)
    title = f"{studies} demo studies, {len(os.sched_getaffinity(0))} cores"
    table = table_of(title, "workers", "seconds a study", "by the best", "MiB a worker")
    for run in runs:
        row = (f"{run.seconds:.2f}", f"{run.seconds / best:.2f}", f"{run.mib:,.0f}")
        table.add_row(str(run.workers), *row)
    Console().print(table)


if __name__ == "__main__":
    main()
