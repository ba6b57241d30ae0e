"""The JSON report says what the results table says, and how it came about."""

import json
from dataclasses import replace

import pytest

from imaging.export.page.report import ReportFacts, build_report, report_bytes
from imaging.lesions.lesion import Lesion
from tests.unit.imaging.export.conftest import CHOICE


def test_a_report_has_the_keys_that_results_show(facts):
    report = json.loads(report_bytes(build_report(facts)))
    assert list(report)[:10] == [
        "study_uid",
        "series_uid",
        "status",
        "model_version",
        "n_lesions",
        "total_volume_mm3",
        "dice",
        "agreement",
        "lesions",
        "artifacts",
    ]
    lesion = report["lesions"][0]
    wanted = {
        "number",
        "volume_mm3",
        "longest_diameter_mm",
        "perpendicular_diameter_mm",
        "centroid_lps_mm",
        "mean_probability",
    }
    assert wanted <= set(lesion)
    assert len(lesion["centroid_lps_mm"]) == 3


def test_a_report_says_how_it_came_about(facts):
    report = build_report(facts)
    assert report["n_lesions"] == 3
    assert report["dice"] == pytest.approx(report["evaluations"][0]["dice"])
    assert report["dropped_candidates"][0]["reason"] == "smaller than the minimum volume"
    chosen, refused = report["series"]
    assert chosen["chosen"]
    assert not refused["chosen"]
    assert any("T2" in reason for reason in refused["reasons_against"])
    assert report["timings_s"] == {"read": 1.235}
    assert report["notice"].startswith("RESEARCH USE ONLY")
    assert report["segmentation_written"]
    assert (report["run"], report["made_at"]) == (None, None)


def test_the_rano_bm_sum_counts_measurable_lesions_and_adds_the_five_longest(facts):
    lesion = facts.lesions[0]
    many = [
        replace(lesion, longest_diameter_mm=float(mm), perpendicular_diameter_mm=5.0)
        for mm in range(8, 15)
    ]
    report = build_report(replace(facts, lesions=many))
    assert report["rano_bm"] == {
        "measurable_lesions": 5,
        "sum_of_five_longest_mm": 14 + 13 + 12 + 11 + 10,
    }


def test_lesions_that_are_only_possible_are_counted_and_named(facts):
    small = [replace(facts.lesions[0], volume_mm3=mm3) for mm3 in (100.0, 19.9, 8.0)]
    report = build_report(replace(facts, lesions=small))
    assert (report["n_lesions"], report["possible_lesions"]) == (3, 2)
    assert [one["possible"] for one in report["lesions"]] == [False, True, True]


def test_the_report_of_a_study_without_a_suitable_series_has_no_measures():
    report = build_report(ReportFacts("1", None, "no_series", "fake-1", CHOICE))
    assert (report["n_lesions"], report["total_volume_mm3"], report["dice"]) == (0, 0, None)
    assert not report["segmentation_written"]


def test_a_report_holds_no_words_of_the_scanner(facts):
    assert b"CANARY" not in report_bytes(build_report(facts))


def test_numbers_that_json_cannot_express_are_refused(facts):
    with pytest.raises(ValueError, match="JSON"):
        report_bytes(build_report(replace(facts, agreement=float("nan"))))


def test_reports_of_the_same_facts_have_the_same_bytes(facts):
    assert report_bytes(build_report(facts)) == report_bytes(build_report(replace(facts)))


def test_lesions_in_a_report_are_plain_values(facts):
    assert isinstance(facts.lesions[0], Lesion)
    json.dumps(build_report(facts))


def test_a_report_says_whether_a_segmentation_was_written(facts):
    assert build_report(facts)["segmentation_written"]
    assert not build_report(replace(facts, artifacts=()))["segmentation_written"]
