"""Results for a person at a terminal."""

from collections.abc import Iterable
from datetime import datetime

from rich.console import Console
from rich.table import Table

from cli.evaluate.measures import bands
from db.counts import shown
from db.outbox.push_reports import OpenPushes
from db.results.study_reports import SentReport, StudyReport
from db.tables.push_tables import PushState
from imaging.choice.verdict import SeriesVerdict
from imaging.metrics.evaluation import ReferenceEvaluation
from imaging.metrics.labels import MEASURES
from metseg.notice import RESEARCH_NOTICE

STATUS_COLOURS = {
    "succeeded": "green",
    "no_series": "yellow",
    "pending": "cyan",
    "running": "cyan",
    "failed": "red",
}

KIND_WORDS = {
    "dicom-seg": "DICOM SEG",
    "dicom-sr": "DICOM SR",
    "dicom-rtstruct": "RTSTRUCT",
    "mask-nifti": "NIfTI mask",
    "probability-nifti": "NIfTI prob.",
    "preview-png": "picture",
    "report-html": "report",
    "report-json": "report",
}


_AGAINST = ("lesion_dice", "surface_dice", "hd95_mm", "relative_volume_error")


def print_reports(console: Console, reports: Iterable[StudyReport], *, why: bool = False) -> None:
    """Print each study: its status, its lesions, its measures, its files."""
    report = None
    for report in reports:
        _print_study(console, report)
        if why:
            _print_choice(console, report)
    console.print("no study" if report is None else f"[bold]{RESEARCH_NOTICE}[/]")


def _print_study(console: Console, report: StudyReport) -> None:
    colour = STATUS_COLOURS[report.status]
    number = "" if report.result_id is None else f"  result {report.result_id}"
    console.print(
        f"study   {report.study_uid}  [{colour}]{report.status}[/]{number}", soft_wrap=True
    )
    if report.error_code:
        console.print(f"error   {report.error_code}: {report.error_message}", soft_wrap=True)
    if report.status != "succeeded":
        return
    console.print(f"series  {report.series_uid}", soft_wrap=True)
    console.print(lesion_table(report) if report.lesions else "no lesion was found")
    console.print(_measures(report))
    for evaluation in report.evaluations:
        console.print(_against(evaluation), soft_wrap=True)
    for refused in report.refused_references:
        line = f"reference {refused.reference_kind}: refused, {refused.reason}"
        console.print(line, soft_wrap=True, markup=False)
    for warning in report.warnings:
        console.print(f"[yellow]warning[/] {warning}", soft_wrap=True)
    for artifact in report.artifacts:
        word = KIND_WORDS.get(artifact.kind, artifact.kind)
        console.print(f"{word:<12}{artifact.path}", soft_wrap=True)
    for push in report.pushes:
        console.print(push_line(push), soft_wrap=True, markup=False)


def push_line(push: SentReport) -> str:
    """Where a file was sent, or why not."""
    why = f": {push.error_message}" if push.error_message else ""
    return f"push        {push.kind} to {push.destination}: {push.state}{why}"


def outbox_line(found: OpenPushes, *, now: datetime) -> str:
    """What in the outbox is not sent, and why not."""
    why = f"; {found.error_code}: {found.error_message}" if found.error_code else ""
    files = f"{shown(found.number)} file{'s' if found.number > 1 else ''} for {found.destination}"
    match found.state:
        case PushState.PENDING:
            wait = max(0.0, (found.run_after - now).total_seconds())
            return f"outbox {files} wait, next try in {wait:.0f} s{why}"
        case PushState.FAILED:
            return f"outbox {files} failed{why} (metseg pushes)"
        case _:
            return f"outbox {files} on the way"


def lesion_table(report: StudyReport) -> Table:
    """Number, volume, diameters, place: one row per lesion."""
    total = report.total_volume_mm3 or 0.0
    possible = sum(lesion.possible for lesion in report.lesions)
    doubt = f" ({possible} possible)" if possible else ""
    title = f"{report.n_lesions} lesions{doubt}, {total / 1000:.2f} cm3"
    table = Table(title=title, title_justify="left")
    for column in ("no", "volume mm3", "longest mm", "perp. mm", "probability"):
        table.add_column(column, justify="right")
    table.add_column("centre LPS mm", no_wrap=True)
    for lesion in report.lesions:
        table.add_row(
            f"{lesion.number}?" if lesion.possible else str(lesion.number),
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
    brain = "" if report.brain_volume_ml is None else f"   brain {report.brain_volume_ml:.0f} ml"
    return (
        f"Dice against the reference: {dice}   agreement of the two networks: {agreement}"
        f"{brain}   model {report.model_version}"
    )


def _against(one: ReferenceEvaluation) -> str:
    found = one.measures
    counted = f", labels {','.join(map(str, one.labels))}" if one.labels else ""
    shown = {name: MEASURES[name].shown(getattr(found, name)) for name in _AGAINST}
    return (
        f"reference {one.reference_kind}{counted}: found {found.true_positives} of"
        f" {found.lesions} ({bands(found.sensitivity_by_diameter)}), {found.false_positives} false"
        f"   lesion-wise Dice {shown['lesion_dice']}"
        f"   surface Dice at {found.surface_dice_tolerance_mm:g} mm {shown['surface_dice']}"
        f"   HD95 {shown['hd95_mm']} mm   volume {shown['relative_volume_error']}"
    )


def _print_choice(console: Console, report: StudyReport) -> None:
    if report.status in ("succeeded", "no_series"):
        console.print(choice_line(report), soft_wrap=True)
    for series in report.series:
        images = f"{series.modality or 'modality not said'}, {series.n_instances} files"
        console.print(
            f"  series {series.series_instance_uid}  {_verdict(series)}  score {series.score:g}"
            f"  ({images})",
            soft_wrap=True,
        )
        for reason in series.reasons_for:
            console.print(f"    for      {reason}", soft_wrap=True, markup=False)
        for reason in series.reasons_against:
            console.print(f"    against  {reason}", soft_wrap=True, markup=False)
    for evaluation in report.evaluations:
        for note in evaluation.notes:
            line = f"  reference {evaluation.reference_kind}: {note}"
            console.print(line, soft_wrap=True, markup=False)


def choice_line(report: StudyReport) -> str:
    """How many series there were, and how many of them were eligible."""
    eligible = sum(series.eligible for series in report.series)
    taken = "the best of them is taken" if eligible else "no suitable series"
    return f"choice  {len(report.series)} series, {eligible} eligible: {taken}"


def _verdict(series: SeriesVerdict) -> str:
    if series.chosen:
        return "[green]taken[/]"
    return "[yellow]eligible[/]" if series.eligible else "[red]excluded[/]"
