"""Seconds go to the stage they were spent in."""

import pytest

from worker.study.stopwatch import Stopwatch


def test_seconds_measured_inside_a_stage_are_moved_to_another() -> None:
    watch = Stopwatch()
    watch.seconds["infer"] = 10.0
    watch.move(4.0, out_of="infer", into="prepare")
    assert watch.seconds == {"infer": 6.0, "prepare": 4.0}


def test_progress_reports_stage_and_fraction() -> None:
    told: list[tuple[str, float]] = []
    watch = Stopwatch(lambda stage, fraction: told.append((stage, fraction)))
    with watch.stage("infer") as report:
        report(0.5)
    assert told == [("infer", 0.0), ("infer", 0.5), ("infer", 1.0)]


def test_a_stage_that_fails_is_timed_and_not_reported_as_done() -> None:
    told: list[float] = []
    watch = Stopwatch(lambda _stage, fraction: told.append(fraction))
    with pytest.raises(ValueError, match="x"), watch.stage("read"):
        raise ValueError("x")
    assert "read" in watch.seconds
    assert told == [0.0]
