"""`metseg audit`: who did what."""

import json
from typing import Annotated

import typer
from rich.table import Table

from cli.common import HomeOption, database, edge, load_settings, out
from db.audit import audit_lines
from db.session import read_only
from db.tables.audit_table import AuditLine


def audit(
    study: Annotated[
        int | None, typer.Option(help="Only this study's lines, by its number (study_id).")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many lines.")] = 50,
    before: Annotated[int | None, typer.Option(help="Only lines older than this one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object for each line.")] = False,
    home: HomeOption = None,
) -> None:
    """Show who did what, newest first. Nobody can change these lines, whatever the command.

    Example: `metseg audit --study 7`
    """
    settings = load_settings(home)
    with edge(settings), database(settings) as session:
        found = audit_lines(read_only(session), limit=limit, before=before, study_id=study)
        rows = [_cells(line) for line in found]
    if not as_json:
        _print_table(rows)
    for row in rows if as_json else ():
        typer.echo(json.dumps(row))


def _cells(line: AuditLine) -> dict[str, object]:
    return {
        "id": line.id,
        "at": line.at.isoformat(timespec="seconds"),
        "actor": line.actor,
        "action": str(line.action),
        "study_id": line.study_id,
        "job_id": line.job_id,
        "detail": line.detail,
    }


def _print_table(rows: list[dict[str, object]]) -> None:
    if not rows:
        out.print("no line yet")
        return
    table = Table(box=None, pad_edge=False)
    for column in rows[0]:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row.values()))
    out.print(table)
