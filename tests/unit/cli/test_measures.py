"""Measures against a reference as a person reads them."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from cli.evaluate.measures import pooled, summary_table
from cli.results.render import print_reports
from db.results.study_reports import StudyReport
from imaging.metrics.bins import DiameterBin
from imaging.metrics.evaluation import Evaluation, ReferenceEvaluation
from imaging.metrics.summary import spread, summarise
from tests.helpers.rows import EVALUATION

MEASURED = replace(
    EVALUATION,
    measures=replace(
        EVALUATION.measures,
        false_positives=4,
        reference_volume_mm3=300.0,
        volume_error_mm3=-30.0,
        sensitivity_by_diameter=(DiameterBin(0.0, 3.0, 0, 1), DiameterBin(5.0, 10.0, 2, 2)),
    ),
)


def shown(measured: ReferenceEvaluation) -> str:
    """The line of one reference in `metseg results`."""
    console = Console(file=io.StringIO(), width=100)
    report = StudyReport("1.2", "1.2.1", "succeeded", None, "m", 0, 0.0, evaluations=(measured,))
    print_reports(console, [report])
    assert isinstance(console.file, io.StringIO)
    (line,) = [one for one in console.file.getvalue().splitlines() if one.startswith("reference")]
    return line


def test_results_show_each_measure() -> None:
    assert shown(MEASURED) == (
        "reference dicom-seg: found 2 of 3 (<3 mm 0/1   5-10 mm 2/2), 4 false"
        "   lesion-wise Dice 0.750   surface Dice at 1 mm 0.850   HD95 1.50 mm   volume -10.0%"
    )


def test_a_measure_without_a_value_is_a_dash() -> None:
    none = replace(MEASURED.measures, lesion_dice=None, hd95_mm=None, reference_volume_mm3=0.0)
    line = shown(replace(MEASURED, measures=none))
    assert "lesion-wise Dice -   surface Dice at 1 mm 0.850   HD95 - mm   volume -" in line


def evaluation(dice: float, found: int, missed: int, false: int) -> Evaluation:
    bins = (DiameterBin(0.0, 3.0, found, found + missed), *(DiameterBin(3.0, 5.0),) * 3)
    return Evaluation(
        dice=dice,
        lesion_dice=dice if found else None,
        true_positives=found,
        false_positives=false,
        false_negatives=missed,
        reference_volume_mm3=10.0 * (found + missed),
        volume_error_mm3=-5.0 * missed,
        hd95_mm=None,
        surface_dice=dice,
        lesion_surface_dice=None,
        surface_dice_tolerance_mm=1.0,
        sensitivity_by_diameter=bins,
    )


def test_a_summary_is_over_the_cases_that_have_the_measure() -> None:
    cases = [evaluation(0.8, 3, 1, 0), evaluation(0.2, 0, 2, 5), evaluation(0.0, 0, 0, 1)]
    summary = summarise(cases)
    assert (summary.cases, summary.cases_with_lesions) == (3, 2)
    assert summary.measures["dice"] == spread([0.8, 0.2])
    assert summary.measures["lesion_dice"] == spread([0.8])
    assert summary.measures["hd95_mm"] is None
    assert summary.measures["sensitivity"] == spread([0.75, 0.0])
    assert summary.measures["false_positives"] == spread([0.0, 5.0, 1.0])
    assert summary.measures["absolute_volume_error_mm3"] == spread([5.0, 10.0, 0.0])
    assert summary.sensitivity == pytest.approx(3 / 6)
    assert (summary.sensitivity_by_diameter[0].found, summary.false_positives) == (3, 6)
    assert pooled(summary) == "all lesions: 3 of 6 found (<3 mm 3/6), 6 false"
    assert summary_table(summary).row_count == len(summary.measures)


def test_the_spread_of_one_value_has_no_deviation() -> None:
    one, three = spread([2.0, None]), spread([1.0, 2.0, 6.0])
    assert one is not None
    assert (one.n, one.mean, one.median, one.sd) == (1, 2.0, 2.0, None)
    assert three is not None
    assert (three.mean, three.median, three.least, three.greatest) == (3.0, 2.0, 1.0, 6.0)
    assert three.sd == pytest.approx(7**0.5)  # (4 + 1 + 9) / 2
    assert spread([None]) is None
