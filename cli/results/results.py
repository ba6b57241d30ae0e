"""`metseg results`: what is recorded."""

import csv
import json
import sys
from collections.abc import Iterable
from itertools import chain, islice
from textwrap import indent
from typing import Annotated

import typer

from cli.common import ExitCode, Format, HomeOption, edge, err, load_settings, open_database, out
from cli.results.render import print_reports
from db.results.results import stream_reports
from db.results.study_reports import StudyReport, report_entry
from imaging.lesions.lesion import Lesion, lesion_entry

CSV_COLUMNS = (
    "study_uid",
    "series_uid",
    "model_version",
    "number",
    "volume_mm3",
    "longest_diameter_mm",
    "perpendicular_diameter_mm",
    "centroid_l_mm",
    "centroid_p_mm",
    "centroid_s_mm",
    "mean_probability",
    "possible",
    "status",
    "error_code",
    "n_lesions",
)
STUDY_COLUMNS = (*CSV_COLUMNS[:3], *CSV_COLUMNS[-3:])
"""Columns of the study: first and last on every row, with those of a lesion between them."""


def results(
    study: Annotated[
        str | None, typer.Option("--study", help="Only this StudyInstanceUID.", metavar="UID")
    ] = None,
    output: Annotated[
        Format,
        typer.Option(
            "--format",
            help="JSON: one object per study. CSV: one row per lesion, or per study without any.",
        ),
    ] = Format.TABLE,
    limit: Annotated[
        int | None,
        typer.Option("--limit", help="At most so many studies.", min=1, show_default=False),
    ] = None,
    after: Annotated[
        int,
        typer.Option("--after", help="Only studies after this number (study_id).", min=0),
    ] = 0,
    why: Annotated[
        bool, typer.Option("--why", help="Also say why each series was taken or not.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Show what is recorded: current results, and studies that failed or wait.

    Exit code 1 when the study that --study names is not recorded.

    Example: `metseg results --format csv > lesions.csv`
    """
    settings = load_settings(home)
    with edge(settings), open_database(settings) as sessions:
        reports = stream_reports(
            sessions, results_dir=settings.results_dir, study_uid=study, after=after, limit=limit
        )
        first = list(islice(reports, 1))
        unknown = study is not None and not first
        found = chain(first, reports)
        if output is Format.JSON:
            write_json(found)
        elif output is Format.CSV:
            write_csv(found)
        elif not unknown:
            print_reports(out, found, why=why)
    if unknown:
        err.print(f"no study {study} is recorded", soft_wrap=True, markup=False)
        raise typer.Exit(ExitCode.FAILED)


def write_json(reports: Iterable[StudyReport]) -> None:
    """Write an array, one object for each current result or study without one."""
    between = "["
    for report in reports:
        entry = indent(json.dumps(report_entry(report), indent=2), "  ")
        sys.stdout.write(f"{between}\n{entry}")
        between = ","
    sys.stdout.write("[]\n" if between == "[" else "\n]\n")


def write_csv(reports: Iterable[StudyReport]) -> None:
    """Write a row per lesion to standard output; a study without lesions has a row of its own."""
    rows = csv.DictWriter(sys.stdout, CSV_COLUMNS, lineterminator="\n", extrasaction="ignore")
    rows.writeheader()
    for report in reports:
        study = {column: getattr(report, column) for column in STUDY_COLUMNS}
        rows.writerows(study | fields for fields in map(_lesion_fields, report.lesions))
        if not report.lesions:
            rows.writerow(study)


def _lesion_fields(lesion: Lesion) -> dict[str, object]:
    left, posterior, superior = lesion.centroid_lps_mm
    centroid = {
        "centroid_l_mm": left,
        "centroid_p_mm": posterior,
        "centroid_s_mm": superior,
    }
    return lesion_entry(lesion) | centroid
