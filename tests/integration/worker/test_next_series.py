"""A study survives a best series that makes no volume, but not two patients."""

from pathlib import Path

from sqlalchemy import select

from db.tables.result_tables import Result, SeriesChoice
from db.tables.tables import Job
from tests.helpers.dicom.phantom import Mishaps, Recipe, head_with_lesions, uid, write_series
from tests.integration.worker.conftest import WorkerSite
from worker.job.execute import Ended, execute

SHAPE, SPACING = (16, 36, 36), (4.5, 4.0, 4.0)


def write_second(folder: Path, **extra: object) -> None:
    """A second series after contrast agent, of thicker slices."""
    volume = head_with_lesions(SHAPE, SPACING).volume
    recipe = Recipe(
        study_uid=uid("study"), series_uid=uid("second"), extra={"SeriesNumber": 8} | extra
    )
    for path in write_series(volume, folder / "second", recipe):
        path.rename(folder / f"second-{path.name}")
    (folder / "second").rmdir()


def test_the_next_series_is_taken_where_the_best_has_a_gap_and_the_reason_is_recorded(
    site: WorkerSite,
) -> None:
    recipe = Recipe(name="study", mishaps=Mishaps(missing=[5]), extra={"SeriesNumber": 7})
    job_id, _ = site.add_study(slices=24, recipe=recipe, write=write_second)
    bench = site.bench()
    assert execute(site.claim(job_id, bench), bench).ended is Ended.RECORDED
    with site.sessions() as session:
        result = session.scalars(select(Result).where(Result.job_id == job_id)).one()
        rows = session.scalars(select(SeriesChoice).where(SeriesChoice.result_id == result.id))
        chosen = {row.series_instance_uid: (row.chosen, row.eligible) for row in rows}
    assert result.series_instance_uid == uid("second")
    assert chosen == {uid("second"): (True, True), recipe.series(): (False, False)}
    (warning,) = [text for text in result.warnings if "cannot be" in text]
    assert warning.startswith("series 7 (23 files) was to be taken and cannot be: slices must be")


def test_a_study_of_two_patients_is_refused_and_names_neither(site: WorkerSite) -> None:
    other = {"PatientID": "OTHER", "PatientName": "OTHER^ONE"}
    job_id, _ = site.add_study(
        slices=24, recipe=Recipe(name="study"), write=lambda folder: write_second(folder, **other)
    )
    bench = site.bench()
    assert execute(site.claim(job_id, bench), bench).ended is Ended.FAILED
    with site.sessions() as session:
        job = session.get_one(Job, job_id)
        assert job.error_code == "several_patients"
        assert "OTHER" not in (job.error_message or "")


def test_a_series_of_another_patient_that_is_not_to_be_taken_makes_a_warning(
    site: WorkerSite,
) -> None:
    other = {"PatientID": "OTHER", "SeriesDescription": "T2 TSE", "ContrastBolusAgent": ""}
    job_id, _ = site.add_study(
        slices=24, recipe=Recipe(name="study"), write=lambda folder: write_second(folder, **other)
    )
    bench = site.bench()
    assert execute(site.claim(job_id, bench), bench).ended is Ended.RECORDED
    with site.sessions() as session:
        result = session.scalars(select(Result).where(Result.job_id == job_id)).one()
    assert "the study holds series of several patients; those to choose from are of one" in (
        result.warnings
    )
