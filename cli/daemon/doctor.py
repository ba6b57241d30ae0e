"""`metseg doctor`: checks that everything that a study needs is in place."""

from collections.abc import Container
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.table import Table

from cli.common import ExitCode, HomeOption, err, load_settings, out
from cli.daemon.checks import Check, run_checks
from metseg.notice import RESEARCH_NOTICE
from metseg.settings import Settings


def doctor(
    home: HomeOption = None,
    settings_only: Annotated[
        bool, typer.Option("--settings", help="Only list all settings.")
    ] = False,
) -> None:
    """Check versions, weights, devices, database, broker, space. Each line says ok or what to do.

    Then come the settings that are not left as they are; --settings lists all.

    Exit code 1 when a line is not ok.

    Example: `metseg doctor`
    """
    settings = load_settings(home)
    if settings_only:
        out.print(settings_table(settings, type(settings).model_fields))
        return
    checks = []
    for check in run_checks(settings):
        out.print(_line(check), soft_wrap=True)
        checks.append(check)
    if settings.model_fields_set:
        out.print(settings_table(settings, settings.model_fields_set))
    out.print(f"[bold]{RESEARCH_NOTICE}[/]")
    failed = [check for check in checks if not check.ok]
    if failed:
        err.print(f"[red]{len(failed)} of {len(checks)} checks need attention[/]")
        raise typer.Exit(ExitCode.FAILED)


def _line(check: Check) -> str:
    mark = "[green]ok  [/]" if check.ok else "[red]TODO[/]"
    tail = "" if check.ok else f"  ->  {check.todo}"
    return f"{mark} {check.name}: {check.found}{tail}"


def settings_table(settings: Settings, names: Container[str]) -> Table:
    """The settings of these names: variable, value (secrets hidden), what it does."""
    table = Table(title="settings", title_justify="left", box=None, pad_edge=False)
    table.add_column("variable", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("meaning", overflow="fold", style="dim")
    for name, field in type(settings).model_fields.items():
        if name not in names:
            continue
        value = getattr(settings, name)
        words = ",".join(value) if isinstance(value, tuple) else str(value)
        shown = "(secret)" if isinstance(value, SecretStr) else words
        changed = name in settings.model_fields_set
        table.add_row(
            f"METSEG_{name.upper()}",
            f"[bold]{shown}[/]" if changed else shown,
            field.description or "",
        )
    return table
