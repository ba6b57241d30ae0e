"""`metseg evaluate`: masks against reference masks. No daemon, no database, no network."""

import csv
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from cli.common import ExitCode, Format, edge, err, out
from metseg.counted import parse_labels
from metseg.notice import RESEARCH_NOTICE

if TYPE_CHECKING:
    from cli.evaluate.cases import Cases, Compared
    from imaging.metrics.summary import Summary


Labels = Annotated[
    str | None,
    typer.Option(metavar="1,3", help="NIfTI values that count as lesion. Default: all above 0."),
]


def evaluate(
    prediction: Annotated[
        Path, typer.Argument(metavar="PRED", help="Mask, or folder of masks.", exists=True)
    ],
    reference: Annotated[
        Path, typer.Argument(metavar="REF", help="Reference mask, or folder of them.", exists=True)
    ],
    output: Annotated[
        Format, typer.Option("--format", help="JSON: every measure. CSV: one row per case.")
    ] = Format.TABLE,
    tolerance_mm: Annotated[
        float, typer.Option("--tolerance", min=0.0, help="Tolerance of surface Dice, mm.")
    ] = 1.0,
    ref_labels: Labels = None,
    pred_labels: Labels = None,
) -> None:
    """Measure masks against reference masks.

    Reports Dice, surface Dice, HD95, lesions found by size, false lesions and volume errors. A mask
    is a NIfTI, a DICOM SEG, or a folder that holds one of them. Two folders of masks are compared
    name by name, with a summary. A reference on another grid is resampled to the prediction's.
    `docs/measures.md` defines each measure.

    Exit code 1 when a mask cannot be read or has no counterpart.

    Example: `metseg evaluate results/mask.nii.gz truth.nii.gz --format json`
    """
    from cli.evaluate.cases import Cases, EvaluationCase, Options, compare, find_cases

    options = Options(
        tolerance_mm=tolerance_mm,
        prediction_labels=_labels(pred_labels, "--pred-labels"),
        reference_labels=_labels(ref_labels, "--ref-labels"),
    )
    many = prediction.is_dir() and reference.is_dir()
    cases = Cases((EvaluationCase(prediction.resolve().name, prediction, reference),))
    if many:
        with edge():
            cases = find_cases(prediction, reference)
    compared = [compare(case, options) for case in cases.pairs]
    _print(compared, cases, output, many=many)
    _complain(compared, cases)


def _labels(text: str | None, option: str) -> frozenset[int] | None:
    try:
        return None if text is None else parse_labels(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def _print(compared: "list[Compared]", cases: "Cases", output: Format, *, many: bool) -> None:
    if output is Format.CSV:
        _write_csv(compared)
        err.print(f"[bold]{RESEARCH_NOTICE}[/]")
    elif output is Format.JSON:
        entry = _folder_entry(compared, cases) if many else _case_entry(compared[0])
        text = json.dumps({"notice": RESEARCH_NOTICE} | entry, indent=2, allow_nan=False)
        sys.stdout.write(text + "\n")
    else:
        _print_tables(compared, many=many)


def _print_tables(compared: "list[Compared]", *, many: bool) -> None:
    from cli.evaluate import measures

    if many:
        summary = _summary(compared)
        out.print(measures.case_table(compared))
        out.print(measures.summary_table(summary))
        out.print(measures.pooled(summary), soft_wrap=True)
    else:
        for case in compared:
            if case.evaluation is not None:
                out.print(measures.evaluation_table(case.evaluation))
                out.print(measures.lesion_table(case.evaluation))
    for case in compared:
        for note in case.notes:
            out.print(f"[yellow]note[/] {escape(case.name)}: {note}", soft_wrap=True)
    out.print(f"[bold]{RESEARCH_NOTICE}[/]")


def _complain(compared: "list[Compared]", cases: "Cases") -> None:
    """Report what could not be measured, and exit with code 1 if there is any."""
    lines = [
        f"[red]{case.error.code}[/] {escape(case.name)}: {escape(str(case.error))}"
        for case in compared
        if case.error is not None
    ]
    lines += [f"[red]no reference[/] for {escape(name)}" for name in cases.only_in_prediction]
    lines += [f"[red]no prediction[/] for {escape(name)}" for name in cases.only_in_reference]
    for line in lines:
        err.print(line, soft_wrap=True)
    if lines:
        raise typer.Exit(ExitCode.FAILED)


def _summary(compared: "list[Compared]") -> "Summary":
    from imaging.metrics.summary import summarise

    return summarise([case.evaluation for case in compared if case.evaluation is not None])


def _case_entry(case: "Compared") -> dict[str, Any]:
    from imaging.metrics.evaluation import evaluation_entry

    entry: dict[str, Any] = {"case": case.name, "notes": list(case.notes)}
    if case.error is not None:
        entry["error"] = {"code": case.error.code, "message": str(case.error)}
    return entry | (evaluation_entry(case.evaluation) if case.evaluation else {})


def _folder_entry(compared: "list[Compared]", cases: "Cases") -> dict[str, Any]:
    from imaging.metrics.evaluation import bin_entries

    summary = _summary(compared)
    return {
        "cases": [_case_entry(case) for case in compared],
        "only_in_prediction": list(cases.only_in_prediction),
        "only_in_reference": list(cases.only_in_reference),
        "summary": asdict(summary)
        | {
            "sensitivity": summary.sensitivity,
            "sensitivity_by_diameter": bin_entries(summary.sensitivity_by_diameter),
        },
    }


def _write_csv(compared: "list[Compared]") -> None:
    """Write one row per case; a cell is empty where the case has no such measure."""
    rows = [_csv_row(case) for case in compared]
    columns = [name for name in max(rows, key=len) if name != "error"]
    table = csv.DictWriter(sys.stdout, [*columns, "error"], lineterminator="\n")
    table.writeheader()
    table.writerows(rows)


def _csv_row(case: "Compared") -> dict[str, Any]:
    entry = _case_entry(case)
    row = {name: value for name, value in entry.items() if not isinstance(value, (list, dict))}
    for one in entry.get("sensitivity_by_diameter", ()):
        row |= {
            f"found {one['name']} mm": one["found"],
            f"lesions {one['name']} mm": one["lesions"],
        }
    return row | ({"error": case.error.code} if case.error else {})
