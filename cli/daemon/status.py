"""`metseg status`, `metseg health`: the queue, and a process's health."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from cli.common import ExitCode, HomeOption, database, edge, err, load_settings, out
from cli.daemon.left_alone import left_alone_lines
from cli.results.render import outbox_line
from db.counts import shown
from db.intake.left_alone import left_alone
from db.outbox.push_reports import open_pushes
from db.overview import Overview, overview
from db.processes import ProcessRow
from db.tables.tables import Role


def status(home: HomeOption = None) -> None:
    """Show the queue: jobs by state, processes, what waits and why, the outbox, files left alone.

    Example: `metseg status`
    """
    settings = load_settings(home)
    now = datetime.now(UTC)
    with edge(settings), database(settings) as session:
        found = overview(session, now=now)
        outbox = open_pushes(session)
        alone = left_alone(session)
    _print_counts(found)
    _print_jobs(found)
    for pushes in outbox:
        out.print(outbox_line(pushes, now=now), soft_wrap=True, markup=False)
    _print_processes(found, now=now, lease_s=settings.lease_s)
    for line in left_alone_lines(alone, expected=True):
        out.print(line, soft_wrap=True, markup=False)
    for file in found.refused:
        line = f"file {file.source_file_id} refused: {file.reason}"
        out.print(line, soft_wrap=True, markup=False)


def _print_counts(found: Overview) -> None:
    out.print(f"jobs   {_counted(found.counts)}")
    out.print(f"files  {_counted(found.files)}")
    if found.pushes:
        out.print(f"pushes {_counted(found.pushes)}")


def _counted(counts: Mapping[Any, int]) -> str:
    return "  ".join(f"{word} {shown(number)}" for word, number in counts.items()) or "none"


def _print_jobs(found: Overview) -> None:
    if not found.jobs:
        return
    table = Table(box=None, pad_edge=False)
    for column in ("job", "state", "attempt", "revision", "study", "why"):
        table.add_column(column, overflow="fold")
    for job in found.jobs:
        numbers = (str(job.job_id), str(job.state), str(job.attempt), str(job.revision))
        table.add_row(*numbers, job.study_uid, job.why)
    out.print(table)


def _print_processes(found: Overview, *, now: datetime, lease_s: float) -> None:
    for process in found.processes:
        line = process_line(process, found, now=now, lease_s=lease_s)
        out.print(line, soft_wrap=True, markup=False)
    for host, left_out in sorted(_left_out(found)):
        out.print(f"device left out on {host}: {left_out}", soft_wrap=True, markup=False)
    if not found.processes:
        out.print("no watcher or worker is registered")


def process_line(process: ProcessRow, found: Overview, *, now: datetime, lease_s: float) -> str:
    """What is known of one process: ``worker host:7:1da5: beat 2 s ago, on cpu, runs job 4``.

    One that has not beaten for `lease_s` may be dead: no more is said of it.
    """
    age = max(0.0, (now - process.seen_at).total_seconds())
    if age > lease_s:
        return f"{process.role} {process.name}: no sign of life for {age:.0f} s"
    on = f", on {process.device}" if process.device else ""
    paused = f", pauses: {process.paused_reason}" if process.paused_reason else ""
    does = _doing(process, found)
    return f"{process.role} {process.name}: beat {age:.0f} s ago{on}{does}{paused}"


def _doing(process: ProcessRow, found: Overview) -> str:
    """What a worker has in hand. One that pauses tells that instead."""
    own = [f"job {job.job_id}" for job in found.jobs if job.worker == process.name]
    if own:
        return f", runs {', '.join(own)}"
    idle = process.role is Role.WORKER and not process.paused_reason
    return ", runs nothing" if idle else ""


def _left_out(found: Overview) -> set[tuple[str, str]]:
    """Hosts and what their workers leave out; workers of one host say the same."""
    return {(one.host, one.devices_left_out) for one in found.processes if one.devices_left_out}


def health(
    role: Annotated[Role, typer.Argument(help="Which process of this host.")],
    within_s: Annotated[
        float | None,
        typer.Option("--within", help="Seconds to wait for progress. Default: 2.5 heartbeats."),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Exit 0 if a process of this host makes progress, else 1: for health checks.

    Example: `metseg health worker`
    """
    from worker.process.health import unhealthy_reason

    settings = load_settings(home)
    with edge(settings):
        reason = unhealthy_reason(settings, role, within_s=within_s)
    if reason is not None:
        err.print(reason, soft_wrap=True)
        raise typer.Exit(ExitCode.FAILED)
    out.print(f"{role} makes progress")
