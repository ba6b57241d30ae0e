"""Results for a person at a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from db.results import StudyReport
from metseg.cli.common import RESEARCH_USE_ONLY

STATUS_COLOURS = {
    "succeeded": "green",
    "no_series": "yellow",
    "pending": "cyan",
    "running": "cyan",
    "failed": "red",
}

KIND_WORDS = {
    "dicom-seg": "DICOM SEG",
    "mask-nifti": "NIfTI mask",
    "preview-png": "key slices",
    "report-json": "report",
}


def print_reports(console: Console, reports: Sequence[StudyReport], *, why: bool = False) -> None:
    """Each study: where it stands, its lesions, its measures, its files."""
    if not reports:
        console.print("nothing is recorded yet")
        return
    for report in reports:
        _print_study(console, report)
        if why:
            _print_choice(console, report)
    console.print(f"[bold]{RESEARCH_USE_ONLY}[/]")


def _print_study(console: Console, report: StudyReport) -> None:
    colour = STATUS_COLOURS[report.status]
    console.print(f"study   {report.study_uid}  [{colour}]{report.status}[/]", soft_wrap=True)
    if report.error_code:
        console.print(f"error   {report.error_code}: {report.error_message}", soft_wrap=True)
    if report.status != "succeeded":
        return
    console.print(f"series  {report.series_uid}", soft_wrap=True)
    console.print(lesion_table(report) if report.lesions else "no lesion was found")
    console.print(_measures(report))
    for warning in report.warnings:
        console.print(f"[yellow]warning[/] {warning}", soft_wrap=True)
    for artifact in report.artifacts:
        word = KIND_WORDS.get(artifact.kind, artifact.kind)
        console.print(f"{word:<11}{artifact.path}", soft_wrap=True)


def lesion_table(report: StudyReport) -> Table:
    """Number, volume, diameters, where: one row a lesion."""
    total = report.total_volume_mm3 or 0.0
    table = Table(title=f"{report.n_lesions} lesions, {total / 1000:.2f} cm3", title_justify="left")
    for column in ("no", "volume mm3", "longest mm", "perp. mm", "probability"):
        table.add_column(column, justify="right")
    table.add_column("centre LPS mm", no_wrap=True)
    for lesion in report.lesions:
        table.add_row(
            str(lesion.number),
            f"{lesion.volume_mm3:,.0f}",
            f"{lesion.longest_diameter_mm:.1f}",
            f"{lesion.perpendicular_diameter_mm:.1f}",
            f"{lesion.mean_probability:.2f}",
            "  ".join(f"{value:.1f}" for value in lesion.centroid_lps_mm),
        )
    return table


def _measures(report: StudyReport) -> str:
    dice = "no reference" if report.dice is None else f"{report.dice:.3f}"
    agreement = "-" if report.agreement is None else f"{report.agreement:.3f}"
    return (
        f"Dice against the reference: {dice}   agreement of the two networks: {agreement}"
        f"   model {report.model_version}"
    )


def _print_choice(console: Console, report: StudyReport) -> None:
    for series in report.series:
        verdict = "[green]taken[/]" if series.chosen else "not taken"
        console.print(f"  series {series.series_uid}  {verdict}", soft_wrap=True)
        for reason in series.reasons_for:
            console.print(f"    for: {reason}", soft_wrap=True)
        for reason in series.reasons_against:
            console.print(f"    against: {reason}", soft_wrap=True)
