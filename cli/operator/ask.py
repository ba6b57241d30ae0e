"""How a command that changes something goes about it: says what it would do, asks, does it."""

import getpass
import socket
from collections.abc import Callable
from typing import Annotated

import typer
from rich.markup import escape
from sqlalchemy.orm import Session

from cli.common import ExitCode, edge, err, open_database, out
from metseg.settings import Settings

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
]


def who() -> str:
    """The person at this terminal, as the audit names them."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def act(settings: Settings, action: Callable[[Session], str], *, yes: bool, dry_run: bool) -> None:
    """Do what `action` does in one transaction, and print the words that it returns.

    Unless `yes`, it is first done, taken back and shown, and a person is asked. Ends the program
    with `ExitCode.FAILED` where the answer is no, or nobody can be asked.
    """
    with edge(settings), open_database(settings) as sessions:
        if dry_run or not yes:
            with sessions() as session:
                would = action(session)
                session.rollback()
            out.print(f"would be done: {would}", soft_wrap=True, markup=False)
            if dry_run:
                return
            _ask()
        with sessions.begin() as session:
            done = action(session)
        out.print(done, soft_wrap=True, markup=False)


def _ask() -> None:
    try:
        agreed = typer.confirm("Do it?")
    except typer.Abort:
        err.print(escape("nothing was done: nobody answered; --yes does not ask"), soft_wrap=True)
        raise typer.Exit(ExitCode.FAILED) from None
    if not agreed:
        out.print("nothing was done")
        raise typer.Exit(ExitCode.FAILED)
