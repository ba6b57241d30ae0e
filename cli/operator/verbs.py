"""`metseg retry`, `metseg cancel`, `metseg first`: what a person may do to a job."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.common import HomeOption, load_settings
from cli.operator.ask import DryRunOption, YesOption, act, who
from db import jobs

JobArgument = Annotated[int, typer.Argument(help="The job's id, as `metseg status` shows it.")]


def retry(
    job: JobArgument, yes: YesOption = False, dry_run: DryRunOption = False, home: HomeOption = None
) -> None:
    """Let a job that failed or was cancelled wait again, with all attempts anew.

    Exit code 1 when you say no.

    Example: `metseg retry 12`
    """
    act(
        load_settings(home),
        lambda session: jobs.retry(session, job, actor=who(), now=datetime.now(UTC)),
        yes=yes,
        dry_run=dry_run,
    )


def cancel(
    job: JobArgument, yes: YesOption = False, dry_run: DryRunOption = False, home: HomeOption = None
) -> None:
    """Cancel a job that waits or runs. A running one stops within seconds, and leaves no result.

    `metseg retry` takes it up again. Exit code 1 when you say no.

    Example: `metseg cancel 12`
    """
    act(
        load_settings(home),
        lambda session: jobs.cancel(session, job, actor=who(), now=datetime.now(UTC)),
        yes=yes,
        dry_run=dry_run,
    )


def first(
    job: JobArgument, yes: YesOption = False, dry_run: DryRunOption = False, home: HomeOption = None
) -> None:
    """Put a waiting job before all others. What runs already goes on.

    Exit code 1 when you say no.

    Example: `metseg first 12`
    """
    act(
        load_settings(home),
        lambda session: jobs.first(session, job, actor=who(), now=datetime.now(UTC)),
        yes=yes,
        dry_run=dry_run,
    )
