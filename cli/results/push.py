"""`metseg push`, `metseg pushes`: results sent to other DICOM applications."""

import csv
import json
import socket
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from sqlalchemy.orm import Session, sessionmaker

from cli.common import (
    ExitCode,
    Format,
    HomeOption,
    database,
    edge,
    err,
    load_settings,
    open_database,
    out,
)
from db.outbox import pushes
from db.outbox.push_reports import PushReport, find_result, push_reports, senders
from db.outbox.pushes import PushClaim
from db.tables.push_tables import PushState
from metseg.destination import Destination
from metseg.errors import ConfigurationError
from metseg.processes import is_running, process_name
from metseg.settings import Settings

if TYPE_CHECKING:
    from worker.outbox.deliver import Delivery

HAND_LEASE_S = 3600.0
"""After this time a worker takes over what a command has not sent: the command may have been killed
on a host that nobody watches.
"""


def push(
    result: Annotated[
        str,
        typer.Argument(
            help="Number of a result, or a StudyInstanceUID for its current result.",
            metavar="RESULT",
        ),
    ],
    to: Annotated[
        str | None,
        typer.Option("--to", help="AET@HOST:PORT. Default: METSEG_PUSH_TO.", show_default=False),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Send a result's DICOM files (SEG, SR, RTSTRUCT) by C-STORE. A file that was sent there before
    is not sent again.

    Exit code 1 when a file was not accepted; the reason is shown, and `metseg pushes` keeps it.

    Example: `metseg push 12 --to ARCHIVE@pacs.example.org:104`
    """
    settings = load_settings(home)
    with edge(settings), open_database(settings) as sessions:
        destination = _destination(to or settings.push_to)
        with sessions.begin() as session:
            result_id = find_result(session, result)
        delivered = _send(settings, sessions, result_id, str(destination))
        with sessions.begin() as session:
            now = push_reports(session, result_id=result_id)
    mine = [one for one in now if one.destination == str(destination)]
    for one in mine:
        _print_one(one, sent_now={d.claim.push_id for d in delivered})
    if not mine:
        err.print(f"result {result_id} has no DICOM files: there is nothing to send")
    if not mine or any(one.state != PushState.SENT for one in mine):
        raise typer.Exit(ExitCode.FAILED)


def _destination(text: str | None) -> Destination:
    if text is None:
        raise ConfigurationError("--to or METSEG_PUSH_TO must name AET@HOST:PORT, got nothing")
    try:
        return Destination.parse(text)
    except ValueError as error:
        raise ConfigurationError(f"--to {error}") from None


def _send(
    settings: Settings, sessions: sessionmaker[Session], result_id: int, destination: str
) -> "Sequence[Delivery]":
    """Send what is not sent yet. A file that is refused stays in the outbox: as failed or, where a
    setting asked for it, waiting for a worker.
    """
    from worker.outbox.deliver import Sender, deliver
    from worker.outbox.pusher import ANSWER_S, push_wait

    def wait_until(claim: PushClaim) -> datetime | None:
        wait = push_wait(claim.attempt, first_s=settings.backoff_s)
        return datetime.now(UTC) + timedelta(seconds=wait) if claim.automatic else None

    owner = f"{pushes.BY_HAND}{process_name()}"
    now = datetime.now(UTC)
    with sessions.begin() as session:
        pushes.enqueue(session, result_id, destination, now=now, automatic=False)
        _take_back_from_killed(session, result_id, now=now)
        claims = pushes.claim_result(
            session,
            result_id,
            destination,
            owner=owner,
            until=now + timedelta(seconds=HAND_LEASE_S),
        )
    sender = Sender(sessions, settings.results_dir, settings.ae_title, ANSWER_S, wait_until)
    try:
        return deliver(claims, sender) if claims else []
    finally:  # Control-C, or the database was away: what is not recorded waits again
        with sessions.begin() as session:
            pushes.take_back(session, now=datetime.now(UTC), owner=owner)


def _take_back_from_killed(session: Session, result_id: int, *, now: datetime) -> None:
    """Take back the pushes of a `metseg push` that was killed on this host."""
    here = f"{pushes.BY_HAND}{socket.gethostname()}:"
    for owner in senders(session, result_id):
        pid = owner.removeprefix(here).split(":")[0]
        if owner.startswith(here) and pid.isdigit() and not is_running(int(pid)):
            pushes.take_back(session, now=now, owner=owner)


def _print_one(one: PushReport, *, sent_now: set[int]) -> None:
    if one.state == PushState.SENT:
        when = "sent" if one.push_id in sent_now else "was sent before"
        note = f" ({one.error_message})" if one.error_message else ""
        out.print(f"{one.kind} {when} to {one.destination}{note}", soft_wrap=True, markup=False)
    elif one.state == PushState.SENDING:
        err.print(f"{one.kind} is being sent by another process", soft_wrap=True)
    else:
        message = escape(str(one.error_message))
        err.print(f"[red]{one.error_code}[/]: {one.kind}: {message}", soft_wrap=True)


def list_pushes(
    retry: Annotated[
        int | None, typer.Option("--retry", help="Send this push again at once.", metavar="PUSH")
    ] = None,
    retry_all: Annotated[
        bool, typer.Option("--retry-all", help="Send at once all that failed or wait.")
    ] = False,
    give_up: Annotated[
        int | None, typer.Option("--give-up", help="Do not send this push.", metavar="PUSH")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also list pushes that were sent.")
    ] = False,
    output: Annotated[Format, typer.Option("--format", help="Output format.")] = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Show the outbox: what waits to be sent, what failed and why. A worker does the sending.

    Example: `metseg pushes --retry-all`
    """
    settings = load_settings(home)
    open_states = [state for state in PushState if state is not PushState.SENT]
    with edge(settings), database(settings) as session:
        if retry is not None or retry_all:
            found = pushes.retry(session, None if retry_all else retry, now=datetime.now(UTC))
            out.print(f"{found} pushes are sent again")
            if not found and not retry_all:
                raise ConfigurationError(f"push {retry} must be waiting or failed, it is not")
        if give_up is not None and not pushes.give_up(session, give_up):
            raise ConfigurationError(f"push {give_up} must be waiting, it is not")
        reports = push_reports(session, states=None if everything else open_states)
    if output is Format.JSON:
        text = json.dumps([asdict(one) for one in reports], indent=2, default=str)
        sys.stdout.write(text + "\n")
    elif output is Format.CSV:
        rows = csv.DictWriter(sys.stdout, [f.name for f in fields(PushReport)], lineterminator="\n")
        rows.writeheader()
        rows.writerows(asdict(one) for one in reports)
    elif not reports:
        out.print("the outbox is empty")
    else:
        for one in reports:
            out.print(push_lines(one), soft_wrap=True, markup=False)


def push_lines(one: PushReport) -> str:
    """A line for a push and, beneath it, the message of the receiver or of metseg."""
    tries = f"{one.attempt} {'try' if one.attempt == 1 else 'tries'}"
    line = (
        f"push {one.push_id}: result {one.result_id}, {one.kind} to {one.destination}: {one.state}"
    )
    match one.state:
        case PushState.SENT:
            line += f" at {_moment(one.sent_at)}"
        case PushState.PENDING:
            line += f", {tries}, the next at {_moment(one.run_after)}"
        case _:
            line += f", {tries}"
    why = f"{one.error_code}: {one.error_message}" if one.error_code else one.error_message
    return f"{line}\n    {why}" if why else line


def _moment(at: datetime | None) -> str:
    return "an unknown time" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"
