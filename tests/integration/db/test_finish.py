"""Recording results, which one is current, and what users are shown."""

import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from cli.results.render import print_reports
from db import jobs
from db.jobs import Claim
from db.results.results import stream_reports, study_reports
from db.tables.result_tables import LesionRow, Mask, Result, SeriesChoice
from db.tables.tables import Job
from imaging.export.artifact import Artifact
from imaging.metrics.evaluation import RefusedReference
from tests.helpers.rows import (
    DIGEST,
    EVALUATION,
    T0,
    arrive,
    found,
    lesion,
    new_job,
    no_series,
    take,
)

Sessions = sessionmaker[Session]
RESULTS = Path("/results")


def finish(session: Session, claim: Claim) -> int:
    return jobs.finalise(session, claim, found(claim), now=T0)


def current(session: Session) -> list[int]:
    return list(session.scalars(select(Result.job_id).where(Result.is_current)))


def test_a_result_is_recorded_with_all_its_parts(sessions: Sessions) -> None:
    with sessions.begin() as session:
        claim = take(session, new_job(session))
        result_id = finish(session, claim)
    with sessions.begin() as session:
        result = session.get_one(Result, result_id)
        assert (result.n_lesions, result.total_volume_mm3) == (2, 300.0)
        assert result.timings_s == {"read": 0.5, "infer": 2.0}
        assert result.warnings == ["slices are 4.0 mm apart"]
        assert session.get_one(Mask, result_id).nifti_gz == b"\x1f\x8b mask"
        assert session.scalars(select(LesionRow.volume_mm3).order_by(LesionRow.number)).all() == [
            200.0,
            100.0,
        ]
        assert session.scalars(select(SeriesChoice.reasons_against)).all() == [[], ["not T1"]]
        for table in ("dropped_candidate", "artifact", "evaluation"):
            assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 1


def test_a_refused_commit_of_a_result_leaves_nothing_behind(sessions: Sessions) -> None:
    with sessions.begin() as session:
        claim = take(session, new_job(session))
    twice = found(claim).artifacts * 2
    result = found(claim)
    object.__setattr__(result, "artifacts", twice)
    with pytest.raises(IntegrityError), sessions.begin() as session:
        jobs.finalise(session, claim, result, now=T0)
    with sessions.begin() as session:
        assert session.scalar(select(func.count()).select_from(Result)) == 0
        assert jobs.beat(session, claim)


def test_the_result_of_a_newer_revision_becomes_current_and_stays_so(sessions: Sessions) -> None:
    with sessions.begin() as session:
        old = take(session, new_job(session, slices=3))
        new = take(session, new_job(session, slices=4))
        finish(session, new)
        assert current(session) == [new.job_id]
        finish(session, old)
        assert current(session) == [new.job_id]
        assert session.scalar(select(func.count()).select_from(Result)) == 2


def test_the_current_result_of_a_revision_is_that_of_the_model_asked_for_last(
    sessions: Sessions,
) -> None:
    with sessions.begin() as session:
        outcome = arrive(session, model="m1")
        assert outcome.job_id is not None
        first = take(session, outcome.job_id)
        second_id = jobs.create_job(
            session,
            snapshot_id=outcome.snapshot_id,
            model_version="m2",
            settings_digest=DIGEST,
            now=T0,
        )
        assert second_id is not None
        second = take(session, second_id)
        finish(session, second)
        finish(session, first)
        assert current(session) == [second_id]


def test_an_older_result_stays_current_when_the_newer_revision_fails(sessions: Sessions) -> None:
    with sessions.begin() as session:
        old = take(session, new_job(session, slices=3))
        finish(session, old)
        new = take(session, new_job(session, slices=4))
        jobs.fail(session, new, code="geometry_invalid", message="a gap", now=T0)
        reports = study_reports(session, results_dir=RESULTS)
        assert [(one.status, one.error_code, one.revision) for one in reports] == [
            ("succeeded", None, 1),
            ("failed", "geometry_invalid", 2),
        ]


def test_two_results_of_one_study_that_end_at_once_leave_the_newer_current(
    sessions: Sessions,
) -> None:
    with sessions.begin() as session:
        claims = [take(session, new_job(session, slices=number)) for number in range(3, 9)]
    start = threading.Barrier(len(claims))

    def end(claim: Claim) -> None:
        start.wait()
        with sessions.begin() as session:
            finish(session, claim)

    with ThreadPoolExecutor(len(claims)) as pool:
        list(pool.map(end, claims))
    with sessions.begin() as session:
        assert current(session) == [claims[-1].job_id]
        assert session.scalar(select(func.count()).select_from(Result)) == len(claims)


def test_the_database_itself_refuses_a_second_current_result(sessions: Sessions) -> None:
    with sessions.begin() as session:
        for slices in (3, 4):
            finish(session, take(session, new_job(session, slices=slices)))
    with pytest.raises(IntegrityError), sessions.begin() as session:
        session.execute(text("UPDATE result SET is_current = (1 = 1)"))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE job SET state = 'running'",
        "UPDATE job SET owner = 'somebody'",
        "UPDATE job SET state = 'PENDING'",
        "UPDATE job SET fence = -1",
        "DELETE FROM study",
    ],
)
def test_the_database_itself_refuses_impossible_values(sessions: Sessions, change: str) -> None:
    with sessions.begin() as session:
        new_job(session)
    with pytest.raises(IntegrityError), sessions.begin() as session:
        session.execute(text(change))


def test_a_report_has_the_public_names_and_absolute_paths(sessions: Sessions) -> None:
    with sessions.begin() as session:
        claim = take(session, new_job(session))
        finish(session, claim)
        (report,) = study_reports(session, results_dir=RESULTS)
    assert (report.study_uid, report.series_uid, report.status) == ("1.2", "1.2.1", "succeeded")
    assert (report.n_lesions, report.total_volume_mm3) == (2, 300.0)
    assert (report.dice, report.agreement, report.model_version) == (0.8, 0.95, "fake-1")
    assert report.lesions[0] == lesion(1, volume_mm3=200.0)
    path = f"/results/1/{claim.job_id}-1/mask.nii.gz"
    assert report.artifacts == (Artifact("mask-nifti", path, 7, "e" * 64),)
    assert [series.reasons_against for series in report.series] == [(), ("not T1",)]


def test_a_report_has_the_measures_against_each_reference(sessions: Sessions) -> None:
    with sessions.begin() as session:
        finish(session, take(session, new_job(session)))
    with sessions.begin() as session:
        ((measured,),) = (one.evaluations for one in study_reports(session, results_dir=RESULTS))
    assert measured == EVALUATION
    with sessions.begin() as session:
        (error,) = session.execute(text("SELECT relative_volume_error FROM evaluation")).one()
        counts = session.execute(
            text("SELECT found_below_3mm, lesions_below_3mm, found_5_to_10mm FROM evaluation")
        ).one()
    assert error == pytest.approx(-10 / 310)
    assert tuple(counts) == (0, 1, 2)


def test_how_references_were_read_and_which_were_refused_is_recorded_and_shown(
    sessions: Sessions,
) -> None:
    refused = RefusedReference("9" * 64, "nifti", "reference must mark something, got nothing")
    read = replace(EVALUATION, labels=(1, 3), notes=("labels that counted: 1, 3",))
    with sessions.begin() as session:
        claim = take(session, new_job(session))
        result = replace(found(claim), evaluations=(read,), refused_references=(refused,))
        jobs.finalise(session, claim, result, now=T0)
    with sessions.begin() as session:
        (report,) = study_reports(session, results_dir=RESULTS)
    assert report.evaluations[0].labels == (1, 3)
    assert report.refused_references == (refused,)
    page = io.StringIO()
    print_reports(Console(file=page, width=400), [report], why=True)
    assert "reference dicom-seg, labels 1,3: found 2 of 3" in page.getvalue()
    assert f"reference nifti: refused, {refused.reason}" in page.getvalue()
    assert "  reference dicom-seg: labels that counted: 1, 3" in page.getvalue()


def test_a_study_without_a_suitable_series_has_a_result_and_no_error(sessions: Sessions) -> None:
    with sessions.begin() as session:
        claim = take(session, new_job(session))
        jobs.finalise(session, claim, no_series(claim), now=T0)
        (report,) = study_reports(session, results_dir=RESULTS)
    assert (report.status, report.error_code, report.series_uid) == ("no_series", None, None)
    assert (report.n_lesions, report.dice, report.lesions) == (None, None, ())


def wait(session: Session) -> str:
    new_job(session)
    return "pending"


def run(session: Session) -> str:
    take(session, new_job(session))
    return "running"


def break_down(session: Session) -> str:
    claim = take(session, new_job(session))
    jobs.fail(session, claim, code="dicom_invalid", message="", now=T0)
    return "failed"


@pytest.mark.parametrize("make", [wait, run, break_down])
def test_a_study_without_a_result_is_reported_by_its_newest_job(
    sessions: Sessions, make: Callable[[Session], str]
) -> None:
    with sessions.begin() as session:
        status = make(session)
        assert [one.status for one in study_reports(session, results_dir=RESULTS)] == [status]


def test_reports_are_of_one_study_when_asked_and_otherwise_in_order_of_arrival(
    sessions: Sessions,
) -> None:
    with sessions.begin() as session:
        for study in ("1.9", "1.1", "1.5"):
            finish(session, take(session, new_job(session, study=study)))
        reports = study_reports(session, results_dir=RESULTS)
        assert [report.study_uid for report in reports] == ["1.9", "1.1", "1.5"]
        (one,) = study_reports(session, results_dir=RESULTS, study_uid="1.1")
        assert one == reports[1]
        assert study_reports(session, results_dir=RESULTS, study_uid="9.9") == []


def test_reports_come_in_pages_of_studies_that_miss_none_and_repeat_none(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.results.results.PAGE", 2)
    with sessions.begin() as session:
        for number in range(5):
            finish(session, take(session, new_job(session, study=f"1.{number}")))
        new_job(session, study="1.3", slices=4)  # and so a second report of study 4
        whole = study_reports(session, results_dir=RESULTS)
    ask = partial(stream_reports, sessions, results_dir=RESULTS)
    assert [report.study_id for report in whole] == [1, 2, 3, 4, 4, 5]
    assert list(ask()) == whole
    assert list(ask(after=2, limit=2)) == whole[2:5]
    assert list(ask(limit=3)) == whole[:3]
    assert list(ask(study_uid="1.3")) == whole[3:5]
    assert list(ask(study_uid="9.9")) == []
    assert list(ask(after=5)) == []


def test_a_cancelled_job_is_not_reported(sessions: Sessions) -> None:
    with sessions.begin() as session:
        old, new = new_job(session, slices=3), new_job(session, slices=4)
        (report,) = study_reports(session, results_dir=RESULTS)
        assert report.job_id == new
        assert session.get_one(Job, old).error_code == "superseded"


def test_settings_changed_back_make_their_old_result_current_again(sessions: Sessions) -> None:
    other = "b" * 64
    with sessions.begin() as session:
        first = take(session, new_job(session))
        finish(session, first)
        second_id = jobs.create_job(
            session,
            snapshot_id=first.snapshot_id,
            model_version=first.model_version,
            settings_digest=other,
            now=T0,
        )
        assert second_id is not None
        finish(session, take(session, second_id))
        assert current(session) == [second_id]
    with sessions.begin() as session:
        asked_again = jobs.create_job(
            session,
            snapshot_id=first.snapshot_id,
            model_version=first.model_version,
            settings_digest=first.settings_digest,
            now=T0,
        )
        assert asked_again is None, "nothing is computed twice"
        assert current(session) == [first.job_id]


def test_the_result_of_an_older_revision_never_becomes_current_again(sessions: Sessions) -> None:
    with sessions.begin() as session:
        first = take(session, new_job(session, slices=3))
        finish(session, first)
        second = take(session, new_job(session, slices=4))
        finish(session, second)
        jobs.create_job(
            session,
            snapshot_id=first.snapshot_id,
            model_version=first.model_version,
            settings_digest=first.settings_digest,
            now=T0,
        )
        assert current(session) == [second.job_id]
