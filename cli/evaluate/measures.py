"""Measures against a reference, in words and tables."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from imaging.metrics.bins import DiameterBin
from imaging.metrics.labels import MEASURES, rows_of

if TYPE_CHECKING:
    from cli.evaluate.cases import Compared
    from imaging.metrics.evaluation import Evaluation
    from imaging.metrics.summary import Spread, Summary

_IN_ROW = ("dice", "surface_dice", "lesion_dice", "hd95_mm")


def shown(found: "Evaluation", name: str) -> str:
    """A measure by its name, as text; a dash where there is no value."""
    return MEASURES[name].shown(getattr(found, name))


def number(value: float | None, digits: int = 3) -> str:
    """A number, or a dash where there is none."""
    return "-" if value is None else f"{value:,.{digits}f}"


def bands(by_size: Sequence[DiameterBin]) -> str:
    """``<3 mm 0/1   3-5 mm 2/2``: lesions found of all, by size; sizes without any are left out."""
    return "   ".join(_band(one) for one in by_size if one.lesions) or "-"


def _band(one: DiameterBin) -> str:
    return f"{one.name} mm {one.found}/{one.lesions}"


def evaluation_table(found: "Evaluation") -> Table:
    """Every measure of one case."""
    table = Table("measure", "value")
    for row in rows_of(partial(getattr, found)):
        table.add_row(*row)
    by_size = map(_band, found.sensitivity_by_diameter)
    all_sizes = f"{found.true_positives} of {found.lesions}"
    table.add_row("lesions found, by diameter", "\n".join((all_sizes, *by_size)))
    return table


def lesion_table(found: "Evaluation") -> Table:
    """Each reference lesion, largest first."""
    table = Table(title="reference lesions", title_justify="left")
    for column in ("diameter mm", "volume mm3", "found", "Dice", "surface Dice", "HD95 mm"):
        table.add_column(column, justify="right")
    for one in sorted(found.detections, key=lambda one: -one.volume_mm3):
        table.add_row(
            number(one.equivalent_diameter_mm, 1),
            number(one.volume_mm3, 1),
            "yes" if one.found else "[red]no[/]",
            number(one.dice),
            number(one.surface_dice),
            number(one.hd95_mm, 2),
        )
    return table


def case_table(cases: "Sequence[Compared]") -> Table:
    """One row per case; one that could not be measured shows its error code."""
    table = Table()
    table.add_column("case", overflow="fold")
    for column in ("Dice", "surface Dice", "lesion Dice", "HD95 mm", "found", "false", "volume"):
        table.add_column(column, justify="right")
    for case in cases:
        table.add_row(escape(case.name), *_case_cells(case))
    return table


def summary_table(summary: "Summary") -> Table:
    """Mean, median and spread of every measure over the cases."""
    title = f"{summary.cases} cases, {summary.cases_with_lesions} with lesions in the reference"
    table = Table(title=title, title_justify="left")
    table.add_column("measure")
    for column in ("cases", "mean", "median", "SD", "least", "greatest"):
        table.add_column(column, justify="right")
    for name, spread in summary.measures.items():
        table.add_row(MEASURES[name].label, *_spread_cells(spread))
    return table


def pooled(summary: "Summary") -> str:
    """Counts over all lesions of all cases."""
    return (
        f"all lesions: {summary.true_positives} of {summary.lesions} found"
        f" ({bands(summary.sensitivity_by_diameter)}), {summary.false_positives} false"
    )


def _case_cells(case: "Compared") -> tuple[str, ...]:
    found = case.evaluation
    if found is None:
        return (f"[red]{case.error.code if case.error else '-'}[/]", *("-" for _ in range(6)))
    return (
        *(shown(found, name) for name in _IN_ROW),
        f"{found.true_positives}/{found.lesions}",
        str(found.false_positives),
        shown(found, "relative_volume_error"),
    )


def _spread_cells(spread: "Spread | None") -> tuple[str, ...]:
    if spread is None:
        return ("0", *("-" for _ in range(5)))
    values = (spread.mean, spread.median, spread.sd, spread.least, spread.greatest)
    return (str(spread.n), *(number(value) for value in values))
