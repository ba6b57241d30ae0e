"""The choice of series is stored with its reasons and shown to people."""

import io
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from sqlalchemy.orm import Session, sessionmaker

from cli.results.render import print_reports
from db import jobs
from db.results.results import study_reports
from imaging.choice.choice import choose_series
from imaging.dicom.series.series import Series
from imaging.dicom.values.facts import SeriesFacts
from tests.helpers.rows import T0, found, new_job, take
from worker.files.artifacts import Written
from worker.files.results import new_result
from worker.study.findings import StudyFindings

COARSE = SeriesFacts(
    series_instance_uid="1.2.5",
    modality="MR",
    frames=176,
    rows=256,
    columns=256,
    image_type=("ORIGINAL", "PRIMARY", "M", "ND"),
    description="T1 MPRAGE KM",
    contrast_agent="Gadovist",
    acquisition_type="3D",
    repetition_time_ms=1900.0,
    echo_time_ms=2.5,
    inversion_time_ms=900.0,
    slice_spacing_mm=1.2,
    pixel_spacing_mm=1.0,
    series_number=5,
)
FINE = replace(COARSE, series_instance_uid="1.2.6", slice_spacing_mm=0.9, series_number=4)
NATIVE = replace(
    COARSE, series_instance_uid="1.2.3", description="T1 MPRAGE nativ", contrast_agent=""
)
T2 = replace(
    COARSE, series_instance_uid="1.2.2", description="t2_tse", contrast_agent="", echo_time_ms=95.0
)


def told(sessions: sessionmaker[Session], folder: Path, *candidates: SeriesFacts) -> str:
    """What `metseg results --why` prints of a study with these series."""
    findings = StudyFindings(
        study_uid="1.2",
        series=tuple(Series(f.series_instance_uid, "1.2", (), f) for f in candidates),
        choice=choose_series(candidates, accept_any_t1=False),
        ensemble_version="fake-1",
        settings={},
    )
    with sessions.begin() as session:
        claim = take(session, new_job(session))
        result = new_result(findings, Written(folder), directory="1/1-1", seconds={})
        if findings.choice.chosen is not None:
            series = result.series
            result = replace(found(claim, series=findings.choice.chosen), series=series)
        jobs.finalise(session, claim, result, now=T0)
    with sessions.begin() as session:
        reports = study_reports(session, results_dir=folder)
    page = io.StringIO()
    print_reports(Console(file=page, width=400), reports, why=True)
    return page.getvalue()


def test_every_series_is_shown_with_its_score_and_reasons_even_both_of_two_equals(
    sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    text = told(sessions, tmp_path, T2, COARSE, NATIVE, FINE)
    assert "choice  4 series, 2 eligible: the best of them is taken" in text
    first, second, *rejected = text.split("  series 1.2.")[1:]
    assert first.startswith("6  taken  score 17")
    assert "for      contrast_tag +8" in first
    assert "for      equal +0: as good as 1 other series; voxels of 0.9 x 1 x 1 mm" in first
    assert second.startswith("5  eligible  score 17")
    assert "against  equal +0: as good as the series taken, which is finer" in second
    assert sorted(one[0] for one in rejected) == ["2", "3"]
    assert all("excluded  score" in one and "against  " in one for one in rejected)
    assert "against  before_contrast: " in text
    assert "against  t2: " in text


def test_the_result_of_a_study_without_a_suitable_series_says_why(
    sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    text = told(sessions, tmp_path, T2, NATIVE)
    assert "no_series" in text
    assert "choice  2 series, 0 eligible: no suitable series" in text
    assert text.count("excluded  score") == 2
