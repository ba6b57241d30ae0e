"""`metseg run INBOX --once` on four studies, and what the other commands say of them."""

import csv
import io
import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from cli.results.results import CSV_COLUMNS
from tests.helpers.dicom.phantom import CANARY_ID, CANARY_NAME, Mishaps, Recipe, write_study
from tests.integration.cli.program import Program

GOOD = Recipe("good")
HOLED = Recipe("holed", mishaps=Mishaps(missing=(8,)))
PLAIN = Recipe("plain", description="T1 FLASH", contrast_agent="")

KEYS = {
    "study_uid",
    "series_uid",
    "status",
    "error_code",
    "model_version",
    "n_lesions",
    "total_volume_mm3",
    "dice",
    "agreement",
    "lesions",
    "artifacts",
}
LESION_KEYS = {
    "number",
    "volume_mm3",
    "longest_diameter_mm",
    "perpendicular_diameter_mm",
    "centroid_lps_mm",
    "mean_probability",
}


@dataclass(frozen=True, slots=True)
class FinishedRun:
    program: Program
    inbox: Path
    first: CompletedProcess[str]
    reports: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    place = tmp_path_factory.mktemp("run")
    inbox = place / "inbox"
    for recipe in (GOOD, HOLED, PLAIN):
        write_study(inbox / recipe.name, recipe)
    (inbox / "notes.txt").write_text("not DICOM")
    (inbox / ".hidden").write_text("not DICOM")
    (inbox / f"{CANARY_ID}.7z").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(99))
    program = Program(place / "home")
    first = program.run(["run", str(inbox), "--once"])
    reports = json.loads(program.run(["results", "--format", "json"]).stdout)
    return FinishedRun(program, inbox, first, {report["study_uid"]: report for report in reports})


def test_a_failed_study_makes_the_exit_code_one(ran: FinishedRun) -> None:
    assert ran.first.returncode == 1, ran.first.stderr
    assert "RESEARCH USE ONLY" in ran.first.stdout


def test_each_job_ends_with_a_line_that_names_the_study_by_number(ran: FinishedRun) -> None:
    good, holed, plain = (ran.reports[one.study()] for one in (GOOD, HOLED, PLAIN))
    millilitres = good["total_volume_mm3"] / 1000
    told = ran.first.stderr
    assert f"study {good['study_id']}: 3 lesions, {millilitres:.1f} ml" in told
    assert f"study {holed['study_id']}: failed, geometry_invalid: " in told
    assert f"study {plain['study_id']}: no suitable series" in told
    assert GOOD.study() not in told


def test_the_results_of_a_good_study_have_the_documented_keys(ran: FinishedRun) -> None:
    report = ran.reports[GOOD.study()]
    assert report.keys() >= KEYS
    assert report["status"] == "succeeded"
    assert report["series_uid"] == GOOD.series()
    assert report["dice"] is None
    assert report["n_lesions"] == len(report["lesions"]) == 3
    assert report["lesions"][0].keys() >= LESION_KEYS
    total = sum(lesion["volume_mm3"] for lesion in report["lesions"])
    assert report["total_volume_mm3"] == pytest.approx(total)


def test_artifacts_are_where_the_results_say_with_the_bytes_they_say(ran: FinishedRun) -> None:
    artifacts = ran.reports[GOOD.study()]["artifacts"]
    assert {a["kind"] for a in artifacts} >= {
        "dicom-seg",
        "dicom-sr",
        "report-html",
        "mask-nifti",
        "preview-png",
        "report-json",
    }
    for artifact in artifacts:
        assert Path(artifact["path"]).is_absolute()
        assert sha256(Path(artifact["path"]).read_bytes()).hexdigest() == artifact["sha256"]


def test_a_study_with_a_gap_failed_with_a_code(ran: FinishedRun) -> None:
    report = ran.reports[HOLED.study()]
    assert report["status"] == "failed"
    assert report["error_code"] == "geometry_invalid"


def test_a_study_without_contrast_agent_says_why(ran: FinishedRun) -> None:
    report = ran.reports[PLAIN.study()]
    assert report["status"] == "no_series"
    assert report["series_uid"] is None
    told = ran.program.run(["results", "--study", PLAIN.study(), "--why"]).stdout
    assert "1 series, 0 eligible: no suitable series" in told
    assert "excluded  score" in told
    assert "against  no_contrast: no sign of contrast agent" in told
    assert report["series"][0]["eligible"] is False


def test_csv_has_one_row_per_lesion_and_one_per_study_without_lesions(ran: FinishedRun) -> None:
    told = ran.program.run(["results", "--format", "csv"]).stdout
    rows = list(csv.DictReader(io.StringIO(told)))
    found = {
        (row["study_uid"], row["status"], row["error_code"], row["n_lesions"], row["number"])
        for row in rows
    }
    assert len(rows) == 5
    assert found == {
        (GOOD.study(), "succeeded", "", "3", "1"),
        (GOOD.study(), "succeeded", "", "3", "2"),
        (GOOD.study(), "succeeded", "", "3", "3"),
        (HOLED.study(), "failed", "geometry_invalid", "", ""),
        (PLAIN.study(), "no_series", "", "", ""),
    }


def test_results_can_be_asked_for_in_pages(ran: FinishedRun) -> None:
    numbers = sorted(report["study_id"] for report in ran.reports.values())
    page = ["results", "--format", "json", "--after", str(numbers[0]), "--limit", "1"]
    (one,) = json.loads(ran.program.run(page).stdout)
    assert one["study_id"] == numbers[1]
    assert one == ran.reports[one["study_uid"]]
    end = ran.program.run(["results", "--after", str(numbers[-1])])
    assert (end.returncode, end.stdout) == (0, "no study\n")


@pytest.mark.parametrize(
    ("form", "empty"),
    [("table", ""), ("json", "[]\n"), ("csv", ",".join(CSV_COLUMNS) + "\n")],
)
def test_results_of_an_unknown_study_say_so(ran: FinishedRun, form: str, empty: str) -> None:
    ended = ran.program.run(["results", "--study", "1.2.3.4", "--format", form])
    assert ended.returncode == 1
    assert "no study 1.2.3.4 is recorded" in ended.stderr
    assert ended.stdout == empty


def test_a_second_run_repeats_nothing(ran: FinishedRun) -> None:
    before = ran.program.run(["results", "--format", "json"]).stdout
    again = ran.program.run(["run", str(ran.inbox), "--once"])
    assert again.returncode == 0, "no job failed in this run"
    assert ran.program.run(["results", "--format", "json"]).stdout == before


def test_a_setting_that_changes_results_makes_a_new_run(ran: FinishedRun) -> None:
    again = ran.program.run(["run", str(ran.inbox / "plain"), "--once"], accept_any_t1="1")
    assert again.returncode == 0, again.stderr
    told = ran.program.run(["results", "--study", PLAIN.study(), "--format", "json"]).stdout
    assert [report["status"] for report in json.loads(told)] == ["succeeded"]


def test_status_and_doctor_name_no_patient(ran: FinishedRun) -> None:
    status = ran.program.run(["status"])
    assert status.returncode == 0
    assert "geometry_invalid" in status.stdout
    told = ran.first.stdout + ran.first.stderr + status.stdout
    assert CANARY_NAME not in told
    assert CANARY_ID not in told


def test_files_left_alone_are_counted_by_reason(ran: FinishedRun) -> None:
    lines = ran.first.stdout.splitlines()
    counted = [
        "1 file refused: 7z archive: unpack it, or pack it as zip",
        "1 file ignored: not DICOM",
    ]
    assert [line for line in lines if line.startswith("1 file")] == counted
    status = ran.program.run(["status"]).stdout.splitlines()
    hidden = "1 file ignored: hidden"
    assert [line for line in status if line.startswith("1 file")] == [
        counted[0],
        hidden,
        counted[1],
    ]


def test_retry_gives_a_failed_job_its_attempts_again(ran: FinishedRun) -> None:
    job = str(ran.reports[HOLED.study()]["job_id"])
    assert ran.program.run(["retry", job, "--yes"]).returncode == 0
    waiting = json.loads(
        ran.program.run(["results", "--study", HOLED.study(), "--format", "json"]).stdout
    )
    assert [report["status"] for report in waiting] == ["pending"]
    refused = ran.program.run(["retry", job, "--yes"])
    assert refused.returncode == 3, "a job that waits cannot be retried"
