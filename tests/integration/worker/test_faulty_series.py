"""A series that cannot be read among others of its study, and what is reported of it."""

from pathlib import Path

from sqlalchemy import select

from db.tables.result_tables import Result, SeriesChoice
from db.tables.tables import Job
from tests.helpers.dicom.phantom import Mishaps, Recipe, head_with_lesions, uid, write_series
from tests.integration.worker.conftest import WorkerSite
from worker.job.execute import Ended, execute

POSITION = b"\x20\x00\x32\x00DS"
SHAPE, SPACING = (12, 36, 36), (5.0, 4.0, 4.0)


def spoil_positions(path: Path) -> None:
    """A decimal comma in ImagePositionPatient, as some exporters write it."""
    content = bytearray(path.read_bytes())
    at = content.index(POSITION) + len(POSITION) + 3
    content[at : at + 1] = b","
    path.write_bytes(content)


def write_faulty_series(folder: Path, description: str) -> None:
    volume = head_with_lesions(SHAPE, SPACING).volume
    recipe = Recipe(study_uid=uid("study"), series_uid=uid("faulty"), description=description)
    for path in write_series(volume, folder / "faulty", recipe):
        spoil_positions(path)
        path.rename(folder / f"faulty-{path.name}")
    (folder / "faulty").rmdir()


def test_a_series_with_nonsense_in_its_headers_hinders_no_other(site: WorkerSite) -> None:
    job_id, _ = site.add_study(write=lambda folder: write_faulty_series(folder, "T2 TSE"))
    bench = site.bench()
    assert execute(site.claim(job_id, bench), bench).ended is Ended.RECORDED
    with site.sessions() as session:
        result = session.scalars(select(Result).where(Result.job_id == job_id)).one()
        faulty = session.scalars(
            select(SeriesChoice).where(SeriesChoice.series_instance_uid == uid("faulty"))
        ).one()
        assert result.n_lesions == 3
        assert (faulty.eligible, faulty.modality, faulty.n_instances) == (False, "MR", 12)
        assert faulty.reasons_against == [
            "unreadable: a series header must be valid DICOM, the parser gave ValueError"
        ]


def test_a_study_fails_if_the_only_series_left_cannot_be_read(site: WorkerSite) -> None:
    recipe = Recipe(name="study", description="T2 TSE", contrast_agent="")
    job_id, _ = site.add_study(
        recipe=recipe, write=lambda folder: write_faulty_series(folder, "T1 MPRAGE +C")
    )
    bench = site.bench()
    assert execute(site.claim(job_id, bench), bench).ended is Ended.FAILED
    with site.sessions() as session:
        job = session.get_one(Job, job_id)
        assert job.error_code == "dicom_invalid"
        assert job.error_message == (
            "a series without number (12 files): "
            "a series header must be valid DICOM, the parser gave ValueError"
        )


def test_the_failure_of_the_chosen_series_says_which_series_it_is(site: WorkerSite) -> None:
    recipe = Recipe(mishaps=Mishaps(missing=[5]), extra={"SeriesNumber": 7})
    job_id, _ = site.add_study(slices=16, recipe=recipe)
    bench = site.bench()
    assert execute(site.claim(job_id, bench), bench).ended is Ended.FAILED
    with site.sessions() as session:
        message = session.get_one(Job, job_id).error_message
    assert (message or "").startswith(
        "series 7 (15 files), the best of 1 eligible: slices must be equally spaced"
    )
