"""`metseg results`: what is recorded."""

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from db.results import study_reports
from db.study_reports import StudyReport
from metseg.cli.common import Format, HomeOption, database, edge, load_settings, out
from metseg.cli.render import print_reports

LESION_COLUMNS = (
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
)


def results(
    study: Annotated[
        str | None, typer.Option("--study", help="Only this StudyInstanceUID.", metavar="UID")
    ] = None,
    output: Annotated[
        Format, typer.Option("--format", help="JSON: one object a study. CSV: one row a lesion.")
    ] = Format.TABLE,
    why: Annotated[
        bool, typer.Option("--why", help="Also why each series was taken or not.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """What is recorded: current results, and studies that failed or wait.

    Example: `metseg results --format csv > lesions.csv`
    """
    settings = load_settings(home)
    with edge(), database(settings) as session:
        reports = study_reports(session, results_dir=settings.results_dir, study_uid=study)
    if output is Format.JSON:
        sys.stdout.write(as_json(reports) + "\n")
    elif output is Format.CSV:
        write_csv(reports)
    else:
        print_reports(out, reports, why=why)


def as_json(reports: Sequence[StudyReport]) -> str:
    """An array, one object for each current result or study without one."""
    return json.dumps([asdict(report) for report in reports], indent=2)


def write_csv(reports: Sequence[StudyReport]) -> None:
    """One row a lesion on standard output."""
    rows = csv.DictWriter(sys.stdout, LESION_COLUMNS, lineterminator="\n")
    rows.writeheader()
    for report in reports:
        study = {
            "study_uid": report.study_uid,
            "series_uid": report.series_uid,
            "model_version": report.model_version,
        }
        for lesion in report.lesions:
            fields = asdict(lesion)
            left, posterior, superior = fields.pop("centroid_lps_mm")
            centroid = {
                "centroid_l_mm": left,
                "centroid_p_mm": posterior,
                "centroid_s_mm": superior,
            }
            rows.writerow(study | fields | centroid)
