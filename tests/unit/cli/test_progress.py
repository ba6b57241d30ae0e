import logging

import pytest

from cli.daemon.progress import Display, ended_line, failed_line, words
from db.overview import OpenJob, Overview
from db.results.ended import EndedStudy
from db.tables.tables import JobState
from watcher.view import StudyView, WatcherView


def ended(lesions: int, mm3: float, dice: float | None = None, warnings: int = 0) -> EndedStudy:
    return EndedStudy(9, 6, True, lesions, mm3, dice, warnings)


def queue(*running: OpenJob, **counts: int) -> Overview:
    by_state = {JobState(state): number for state, number in counts.items()}
    return Overview(counts=by_state, files={}, jobs=running, processes=(), refused=())


def job(state: JobState, why: str) -> OpenJob:
    return OpenJob(3, 6, "1.2.3", 1, state, 1, why)


@pytest.mark.parametrize(
    ("study", "line"),
    [
        (ended(1, 66_700.0, 0.912), "study 6: 1 lesion, 66.7 ml, Dice 0.91"),
        (ended(3, 52.0), "study 6: 3 lesions, 0.05 ml"),
        (ended(200, 1_234_567.0), "study 6: 200 lesions, 1234.6 ml"),
        (ended(0, 0.0), "study 6: no lesion"),
        (ended(0, 0.0, 0.0, 2), "study 6: no lesion, Dice 0.00, 2 warnings"),
        (ended(1, 1000.0, None, 1), "study 6: 1 lesion, 1.0 ml, 1 warning"),
        (EndedStudy(9, 6, False, 0, 0.0, None, 0), "study 6: no suitable series"),
    ],
)
def test_a_study_that_ended_has_one_line(study: EndedStudy, line: str) -> None:
    assert ended_line(study) == line


def test_a_study_that_failed_says_why() -> None:
    line = failed_line(job(JobState.FAILED, "geometry_invalid: a gap"))
    assert line == "study 6: failed, geometry_invalid: a gap"


def test_a_progress_line_names_studies_by_number_and_shows_no_uid() -> None:
    view = WatcherView(
        files_waiting=155,
        studies_waiting=tuple(
            StudyView("c0ffee00", files, 12.4, "waiting for more files") for files in (155, 1, 7, 8)
        ),
    )
    line = words(view, queue(job(JobState.RUNNING, "infer 40 %"), running=1), detail=True)
    assert "a new study of 155 files waits 12 s: waiting for more files" in line
    assert "a new study of 1 file waits" in line
    assert "1 more studies wait" not in line
    assert "1 more study waits" in line
    assert "study 6: infer 40 %" in line
    assert "1.2.3" not in line
    assert "c0ffee00" not in line


def test_a_log_gets_one_progress_line_in_ten_seconds_and_each_end_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    now = 0.0
    display = Display(clock=lambda: now)
    for second in range(25):
        now = float(second)
        display.show(WatcherView(files_waiting=100 + second), queue())
        if second == 5:
            display.say("study 6: no lesion")
    told = [record.getMessage() for record in caplog.records]
    assert [line.split(" ")[0] for line in told] == ["100", "study", "110", "120"]


def test_the_same_progress_line_is_not_logged_twice(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    now = 0.0
    display = Display(clock=lambda: now)
    for second in range(60):
        now = float(second)
        display.show(WatcherView(files_waiting=3), queue())
    assert len(caplog.records) == 1
