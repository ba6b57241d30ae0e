"""One job in this process: what is recorded."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import nibabel
import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.results.rows import BANDS
from db.tables.result_tables import (
    ArtifactRow,
    DroppedCandidate,
    LesionRow,
    Mask,
    Result,
    SeriesChoice,
)
from db.tables.tables import Outcome
from imaging.lesions.rule import LesionRule
from imaging.volume import Volume
from metseg.disk import sha256_of
from metseg.errors import NoBrainError
from metseg.outputs import DEFAULT_OUTPUTS, OUTPUT_NAMES
from models.ensemble import Prediction
from tests.helpers.dicom.phantom import CANARY_NAME, Recipe, uid
from tests.helpers.fakes import ThresholdEnsemble
from tests.integration.worker.conftest import WorkerSite
from worker.job.execute import Ended, JobTools, execute


def result_of(session: Session, job_id: int) -> Result:
    return session.scalars(select(Result).where(Result.job_id == job_id)).one()


def test_a_study_gives_rows_and_files_that_agree(site: WorkerSite) -> None:
    job_id, head = site.add_study()
    bench = site.bench()
    report = execute(site.claim(job_id, bench), bench)
    assert report.ended is Ended.RECORDED
    expected = sorted(((head.labels == n).sum() for n in (1, 2, 3)), reverse=True)
    with site.sessions() as session:
        result = result_of(session, job_id)
        lesions = session.scalars(select(LesionRow).where(LesionRow.result_id == result.id)).all()
        assert [lesion.voxel_count for lesion in lesions] == expected
        assert result.n_lesions == 3
        assert result.total_volume_mm3 == pytest.approx(sum(expected) * 5 * 4 * 4)
        assert result.agreement == pytest.approx(1.0)
        assert set(result.timings_s) == {"read", "prepare", "infer", "lesions", "write"}
        assert result.directory == f"{result.study_id}/{job_id}-1-c0ffee00"
        artifacts = session.scalars(select(ArtifactRow)).all()
        assert {a.kind for a in artifacts} == {
            "mask-nifti",
            "dicom-seg",
            "dicom-sr",
            "preview-png",
            "report-html",
            "report-json",
        }
        for artifact in artifacts:
            path = site.settings.results_dir / artifact.path
            assert sha256_of(path) == artifact.sha256
            assert path.stat().st_size == artifact.size


def test_every_kind_of_file_can_be_written_and_recorded_by_setting(site: WorkerSite) -> None:
    job_id, _ = site.add_study()
    more = {"outputs": OUTPUT_NAMES}
    bench = replace(site.bench(), settings=site.settings.model_copy(update=more))
    assert execute(site.claim(job_id, bench), bench).ended is Ended.RECORDED
    with site.sessions() as session:
        artifacts = session.scalars(select(ArtifactRow)).all()
    assert {(artifact.kind, Path(artifact.path).name) for artifact in artifacts} == {
        ("dicom-seg", "lesions.dcm"),
        ("dicom-seg", "probability.dcm"),
        ("dicom-sr", "measurements.dcm"),
        ("dicom-rtstruct", "structures.dcm"),
        ("mask-nifti", "mask.nii.gz"),
        ("probability-nifti", "probability.nii.gz"),
        *(("preview-png", f"{name}.png") for name in ("key-slices", *_three("lesion"))),
        ("report-html", "report.html"),
        ("report-json", "report.json"),
    }
    for artifact in artifacts:
        assert sha256_of(site.settings.results_dir / artifact.path) == artifact.sha256


def _three(word: str) -> list[str]:
    return [f"{word}-{number:02d}" for number in (1, 2, 3)]


def test_a_study_without_lesions_has_a_structured_report_and_no_segmentation(
    site: WorkerSite,
) -> None:
    class FindsNothing(ThresholdEnsemble):
        rule = LesionRule(minimum_volume_mm3=1e9)

    job_id, _ = site.add_study()
    settings = site.settings.model_copy(update={"outputs": (*DEFAULT_OUTPUTS, "rtstruct")})
    bench = JobTools(settings, site.sessions, FindsNothing(), site.bench().owner)
    assert execute(site.claim(job_id, bench), bench).ended is Ended.RECORDED
    with site.sessions() as session:
        kinds = session.scalars(select(ArtifactRow.kind)).all()
    assert sorted(kinds) == ["dicom-sr", "mask-nifti", "preview-png", "report-html", "report-json"]


def test_the_mask_in_the_database_is_the_file_and_agrees_with_the_lesions(site: WorkerSite) -> None:
    job_id, head = site.add_study()
    bench = site.bench()
    execute(site.claim(job_id, bench), bench)
    with site.sessions() as session:
        mask = session.scalars(select(Mask)).one()
        path = session.scalars(
            select(ArtifactRow.path).where(ArtifactRow.kind == "mask-nifti")
        ).one()
    file = site.settings.results_dir / path
    assert file.read_bytes() == mask.nifti_gz
    image = nibabel.Nifti1Image.from_filename(file)
    assert int(np.asarray(image.dataobj).astype(bool).sum()) == int((head.labels > 0).sum())


def test_the_report_names_no_patient_and_has_the_keys_of_results(site: WorkerSite) -> None:
    job_id, _ = site.add_study()
    bench = site.bench()
    execute(site.claim(job_id, bench), bench)
    path = next(site.settings.results_dir.rglob("report.json"))
    report = json.loads(path.read_text())
    assert "CANARY" not in path.read_text()
    assert (report["study_uid"], report["status"]) == (uid("study"), "succeeded")
    assert report["n_lesions"] == 3
    assert report["run"] == path.parent.relative_to(site.settings.results_dir).as_posix()
    assert {file["path"] for file in report["artifacts"]} == {
        "mask.nii.gz",
        "lesions.dcm",
        "measurements.dcm",
        "key-slices.png",
        "lesion-01.png",
        "lesion-02.png",
        "lesion-03.png",
    }


def test_a_result_of_thick_slices_has_a_warning(site: WorkerSite) -> None:
    job_id, _ = site.add_study()
    bench = site.bench()
    execute(site.claim(job_id, bench), bench)
    with site.sessions() as session:
        assert any("5.00 mm apart" in warning for warning in result_of(session, job_id).warnings)


def test_a_result_of_members_that_disagree_has_a_warning(site: WorkerSite) -> None:
    class Disagreeing(ThresholdEnsemble):
        def predict(self, volume: Volume, *, progress: object = None) -> Prediction:  # noqa: ARG002
            low = (volume.voxels > 800).astype(np.float32)
            members = {"one": low, "two": np.zeros_like(low)}
            return Prediction(members=members, mean=low * np.float32(0.6), seconds={})

    job_id, _ = site.add_study()
    bench = JobTools(site.settings, site.sessions, Disagreeing(), site.bench().owner)
    execute(site.claim(job_id, bench), bench)
    with site.sessions() as session:
        result = result_of(session, job_id)
    assert result.agreement == 0.0
    assert any("agree poorly" in warning for warning in result.warnings)


def test_dropped_candidates_are_recorded_with_their_reason(site: WorkerSite) -> None:
    class OnlyLarge(ThresholdEnsemble):
        rule = LesionRule(minimum_volume_mm3=1000.0)

    job_id, _ = site.add_study()
    bench = JobTools(site.settings, site.sessions, OnlyLarge(), site.bench().owner)
    execute(site.claim(job_id, bench), bench)
    with site.sessions() as session:
        kept = session.scalars(select(LesionRow)).all()
        dropped = session.scalars(select(DroppedCandidate)).all()
    assert len(kept) + len(dropped) == 3
    assert {one.reason for one in dropped} == {"smaller than the minimum volume"}


def test_a_study_without_a_suitable_series_is_a_result_with_the_reasons(site: WorkerSite) -> None:
    job_id, _ = site.add_study(recipe=Recipe(name="study", description="T2 TSE", contrast_agent=""))
    bench = site.bench()
    assert execute(site.claim(job_id, bench), bench).ended is Ended.RECORDED
    with site.sessions() as session:
        result = result_of(session, job_id)
        series = session.scalars(select(SeriesChoice)).all()
        assert result.outcome is Outcome.NO_SERIES
        assert (result.n_lesions, result.series_instance_uid) == (None, None)
        assert [one.chosen for one in series] == [False]
        assert series[0].reasons_against
        kinds = set(session.scalars(select(ArtifactRow.kind)).all())
        assert kinds == {"report-json", "report-html"}


def test_a_reference_in_the_study_is_measured_against(site: WorkerSite) -> None:
    from db.tables.result_tables import EvaluationRow

    job_id, _ = site.add_study(write=_add_reference)
    bench = site.bench()
    assert execute(site.claim(job_id, bench), bench).ended is Ended.RECORDED
    with site.sessions() as session:
        evaluation = session.scalars(select(EvaluationRow)).one()
    assert evaluation.dice == pytest.approx(1.0)
    assert (evaluation.true_positives, evaluation.false_negatives) == (3, 0)
    assert (evaluation.surface_dice, evaluation.lesion_surface_dice) == (1.0, 1.0)
    assert (evaluation.surface_dice_tolerance_mm, evaluation.relative_volume_error) == (1.0, 0.0)
    counts = [
        (getattr(evaluation, f"found_{band}"), getattr(evaluation, f"lesions_{band}"))
        for band in BANDS.values()
    ]
    assert sum(found for found, _ in counts) == sum(lesions for _, lesions in counts) == 3


def test_a_segmentation_by_metseg_is_neither_series_nor_reference(site: WorkerSite) -> None:
    from db.tables.result_tables import EvaluationRow

    job_id, _ = site.add_study(write=lambda folder: _add_reference(folder, manufacturer="metseg"))
    bench = site.bench()
    assert execute(site.claim(job_id, bench), bench).ended is Ended.RECORDED
    with site.sessions() as session:
        assert session.scalars(select(EvaluationRow)).all() == []
        assert len(session.scalars(select(SeriesChoice)).all()) == 1


def _add_reference(folder: Path, manufacturer: str = "elsewhere") -> None:
    """Write a SEG of the series with metseg's writer, and give it another manufacturer."""
    import pydicom

    from imaging.dicom.series.series import read_series
    from imaging.export.dicom.authorship import Authorship, identified
    from imaging.export.dicom.seg import write_segmentation
    from imaging.lesions.find import find_lesions

    volume, source = read_series(sorted(folder.iterdir()))
    bright = (volume.voxels > 800).astype(np.float32)
    rule = LesionRule(minimum_volume_mm3=2.0, minimum_slices=1)
    labels, found, _ = find_lesions(bright, volume, rule)
    lesions = identified(found, source.series_instance_uid, "reference-1")
    path = folder / "reference.dcm"
    author = Authorship("reference-1", "1", datetime(2024, 1, 2, tzinfo=UTC))
    write_segmentation(path, labels, lesions, source, author)
    dataset = pydicom.dcmread(path)
    dataset.Manufacturer = manufacturer
    dataset.save_as(path)


def test_a_failure_of_metseg_is_logged_in_a_line_and_any_other_with_its_place_in_the_code(
    site: WorkerSite, caplog: pytest.LogCaptureFixture
) -> None:
    class SeesNoBrain(ThresholdEnsemble):
        def predict(self, volume: Volume, **_options: object) -> Prediction:  # noqa: ARG002
            raise NoBrainError("the networks must see a brain")

    class RaisesPatientName(ThresholdEnsemble):
        def predict(self, volume: Volume, **_options: object) -> Prediction:  # noqa: ARG002
            raise KeyError(CANARY_NAME)

    said: list[str] = []
    ensembles: tuple[ThresholdEnsemble, ...] = (SeesNoBrain(), RaisesPatientName())
    for number, ensemble in enumerate(ensembles):
        job_id, _ = site.add_study(name=f"study {number}")
        bench = JobTools(site.settings, site.sessions, ensemble, site.bench().owner)
        caplog.clear()
        execute(site.claim(job_id, bench), bench)
        said.append("\n".join(record.getMessage() for record in caplog.records))
    assert said[0].endswith("input (no_brain): the networks must see a brain")
    assert "in predict" in said[1]
    assert CANARY_NAME not in said[1]
