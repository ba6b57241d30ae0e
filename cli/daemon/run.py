"""`metseg run`: watcher and worker together, embedded, no server."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from sqlalchemy.orm import Session, sessionmaker

from cli.common import (
    ExitCode,
    HomeOption,
    database,
    edge,
    err,
    load_settings,
    open_database,
    out,
)
from cli.daemon.left_alone import left_alone_lines
from cli.daemon.progress import Display, ended_line, failed_line
from cli.daemon.services import stop_at_signals
from cli.results.render import STATUS_COLOURS, outbox_line
from db.intake.left_alone import LeftAlone, left_alone
from db.outbox.push_reports import OpenPushes, open_pushes
from db.overview import Overview, overview
from db.results.ended import ended_after, newest_result
from db.results.results import study_reports
from db.results.study_reports import StudyReport
from db.session import read_only
from db.tables.tables import JobState
from db.upgrade import migrate
from metseg.errors import ConfigurationError
from metseg.folders import check_folders
from metseg.notice import RESEARCH_NOTICE
from metseg.settings import Settings
from models.catalogue import check_weights

ONCE_QUIET_S = 2.0
"""With --once everything has arrived: only a user who sets a quiet time waits for a slow copy."""
OPEN = (JobState.PENDING, JobState.RUNNING)


def run(
    inbox: Annotated[Path, typer.Argument(help="Folder to watch. It is only ever read.")],
    once: Annotated[
        bool, typer.Option("--once", help="Process what is there, print a summary, exit.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Watch a folder and segment what arrives, in one program with SQLite and no server.

    Exit code with --once: 0 when all went well, 1 if a job failed, 3 if nothing could be tried.

    Example: `metseg run ~/inbox --once`
    """
    settings = embedded_settings(inbox, home=home, once=once)
    with edge(settings):
        failed = run_embedded(settings, once=once)
        if once:
            with database(settings) as session:
                reports = study_reports(session, results_dir=settings.results_dir)
                found = overview(session, now=datetime.now(UTC))
                outbox = open_pushes(session)
                alone = left_alone(session)
            print_summary(settings, reports, found, outbox, alone)
            raise typer.Exit(ExitCode.FAILED if failed else ExitCode.OK)


def embedded_settings(inbox: Path, *, home: Path | None, once: bool) -> Settings:
    """The settings of an embedded daemon; with `once` a short quiet time unless one is set."""
    settings = load_settings(home, inbox=inbox.expanduser().absolute())
    if once and "quiet_s" not in settings.model_fields_set:
        return load_settings(quiet_s=ONCE_QUIET_S)
    return settings


def run_embedded(settings: Settings, *, once: bool) -> bool:
    """Watch, and let a child process work, until stopped or, with `once`, until all has ended.

    Returns whether a job failed meanwhile.
    """
    from watcher.watch import Watcher

    inbox = check_start(settings, once=once)
    settings.home_dir.mkdir(parents=True, exist_ok=True)
    migrate(settings.database)
    stop = stop_at_signals()
    with (
        open_database(settings) as sessions,
        Display() as display,
        contextlib.closing(Watcher(settings, inbox=inbox)) as watcher,
        contextlib.ExitStack() as worker,
    ):
        ended = EndedJobs(sessions, display)
        working = False
        while not stop.is_set():
            watcher.step()
            found = queue_now(sessions)
            display.show(watcher.view(), found)
            ended.report(found)
            busy = any(found.counts.get(state) for state in OPEN) or found.pushes_at_hand
            if not working and (busy or not once):
                worker.enter_context(supervised_worker(settings))
                working = True
            if once and watcher.idle and not busy:
                break
            watcher.wait(0.25)
        return ended.any_failed(queue_now(sessions))


def check_start(settings: Settings, *, once: bool) -> Path:
    """Check all that can be checked before anything is made. Returns the inbox.

    Without `once`, metseg waits for weights that are missing, and the watcher reports it.

    Raises
    ------
    ConfigurationError
        A broker is set, there is no inbox, or a folder is missing or lies in another.
    WeightsError
        With `once`: weights are missing or not the ones of their card.
    """
    from watcher.scan.places import check_places

    if settings.broker is not None:
        raise ConfigurationError(
            "metseg run is embedded: METSEG_BROKER_URL must not be set. In server mode, start"
            " `metseg watch` and `metseg work`"
        )
    inbox = settings.inbox
    if inbox is None or not inbox.is_dir():
        raise ConfigurationError(f"INBOX must be a folder that exists, got {inbox}")
    check_places(settings, inbox)
    check_folders(settings)
    if once:
        check_weights(settings.ensemble, settings.weights)
    return inbox


def queue_now(sessions: sessionmaker[Session]) -> Overview:
    """The queue as it stands."""
    with sessions() as session:
        return overview(read_only(session), now=datetime.now(UTC))


def failed_jobs(found: Overview) -> set[int]:
    """Ids of the jobs that failed."""
    return {job.job_id for job in found.jobs if job.state is JobState.FAILED}


class EndedJobs:
    """Prints a line for each job that ends from now on."""

    def __init__(self, sessions: sessionmaker[Session], display: Display) -> None:
        self._sessions, self._display = sessions, display
        self._before = failed_jobs(queue_now(sessions))
        self._reported = set(self._before)
        with sessions() as session:
            self._newest = newest_result(read_only(session))

    def report(self, found: Overview) -> None:
        """Print what has ended since the last call."""
        with self._sessions() as session:
            new = ended_after(read_only(session), self._newest)
        for study in new:
            self._newest = study.result_id
            self._display.say(ended_line(study))
        for job in reversed(found.jobs):
            if job.state is JobState.FAILED and job.job_id not in self._reported:
                self._reported.add(job.job_id)
                self._display.say(failed_line(job))

    def any_failed(self, found: Overview) -> bool:
        """Whether a job failed since the start."""
        return bool(failed_jobs(found) - self._before)


@contextlib.contextmanager
def supervised_worker(settings: Settings) -> Iterator[None]:
    """Run a worker process while the block runs; a thread keeps it alive."""
    from worker.process.supervisor import supervise

    stop = threading.Event()
    thread = threading.Thread(target=supervise, args=(settings, stop), name="supervisor")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def print_summary(
    settings: Settings,
    reports: Sequence[StudyReport],
    found: Overview,
    outbox: Sequence[OpenPushes],
    alone: Sequence[LeftAlone],
) -> None:
    """Print a line per study, then the files left alone or refused, and what is not sent yet."""
    table = Table(title="studies", title_justify="left", box=None, pad_edge=False)
    for column in ("no", "study", "status", "lesions", "volume mm3", "Dice"):
        table.add_column(column, overflow="fold")
    for report in reports:
        colour = STATUS_COLOURS[report.status]
        status = report.status + (f" ({report.error_code})" if report.error_code else "")
        volume = report.total_volume_mm3
        table.add_row(
            str(report.study_id),
            report.study_uid,
            f"[{colour}]{status}[/]",
            "" if report.n_lesions is None else str(report.n_lesions),
            "" if volume is None else f"{volume:,.0f}",
            "" if report.dice is None else f"{report.dice:.3f}",
        )
    out.print(table if reports else "no study was found")
    for line in left_alone_lines(alone, expected=False):
        out.print(line, soft_wrap=True, markup=False)
    for file in found.refused:
        line = f"file {file.source_file_id} refused: {file.reason}"
        err.print(line, soft_wrap=True, markup=False)
    for pushes in outbox:
        err.print(outbox_line(pushes, now=datetime.now(UTC)), soft_wrap=True, markup=False)
    out.print(f"details: metseg results --home {settings.home_dir}", soft_wrap=True)
    out.print(f"[bold]{RESEARCH_NOTICE}[/]")
