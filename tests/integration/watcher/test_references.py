"""A reference from the inbox to the evaluation, in the same drop or later: watcher and worker."""

import nibabel
import numpy as np
import pytest
from scipy import ndimage
from sqlalchemy import select

from db.results.results import study_reports
from db.tables.result_tables import Artifact, Result
from db.tables.tables import FileStatus, Snapshot
from metseg.outputs import OUTPUT_NAMES
from tests.helpers.dicom.phantom import Recipe, uid, write_study
from tests.helpers.dicom.references import bright_mm3
from tests.integration.watcher.reference_site import Site, files, measured

KINDS = ["dicom-seg", "dicom-rtstruct", "nifti"]


@pytest.fixture
def site(plain_desk) -> Site:
    return Site(plain_desk)


def test_a_late_reference_is_measured_on_both_databases(desk):
    site = Site(desk)
    site.write_series()
    site.settle()
    site.drop("nifti")
    site.settle()
    assert site.ensemble.predictions == 1
    assert measured(site.report) == [("nifti", 1.0)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_reference_that_comes_with_its_study_is_measured_against(site, kind):
    site.write_series()
    site.drop(kind)
    site.settle()
    (one,) = site.report.evaluations
    assert one.reference_kind == kind
    assert one.measures.dice == pytest.approx(1.0, abs=0.05 if kind == "dicom-rtstruct" else 1e-9)
    assert (
        one.measures.true_positives,
        one.measures.false_positives,
        one.measures.false_negatives,
    ) == (3, 0, 0)
    assert site.count(Snapshot) == site.ensemble.predictions == 1
    assert site.report.warnings == (
        "voxels are 5.00 mm apart; above 3 mm small lesions are missed",
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_late_reference_renews_the_evaluation_without_an_inference(site, kind):
    site.write_series()
    site.settle()
    before = site.report
    site.drop(kind, lesions=2)
    site.settle()
    after = site.report
    assert (before.evaluations, before.dice) == ((), None)
    assert (after.revision, site.ensemble.predictions) == (2, 1)
    (one,) = after.evaluations
    assert (one.reference_kind, one.measures.true_positives, one.measures.false_positives) == (
        kind,
        2,
        1,
    )
    assert one.measures.reference_volume_mm3 == pytest.approx(bright_mm3(site.series, 2), rel=0.1)
    assert after.dice == one.measures.dice
    for name in ("series_uid", "lesions", "agreement", "series", "total_volume_mm3", "n_lesions"):
        assert getattr(after, name) == getattr(before, name), name
    assert site.count(Result) == 2


def test_a_renewed_result_keeps_its_files_and_draws_the_reference_into_the_pictures(site):
    site.changed = {"outputs": OUTPUT_NAMES}
    site.write_series()
    site.settle()
    before = files(site.report)
    site.drop("nifti", lesions=2)
    site.settle()
    after = files(site.report)
    assert site.ensemble.predictions == 1
    assert {kind for kind, _ in before} == {kind for kind, _ in after}
    anew = {key for key in before if before[key] != after[key]}
    assert {kind for kind, _ in anew} == {"preview-png", "report-html", "report-json"}
    assert len(before) == len(after) > 8


@pytest.mark.parametrize("kind", KINDS)
def test_a_replaced_reference_replaces_its_evaluation(site, kind):
    site.write_series()
    path = site.drop(kind, lesions=1)
    site.settle()
    assert [one.measures.true_positives for one in site.report.evaluations] == [1]
    path.unlink()
    site.drop(kind, lesions=3)
    site.settle()
    assert [one.measures.true_positives for one in site.report.evaluations] == [3]
    assert site.ensemble.predictions == 1


@pytest.mark.parametrize("kind", KINDS[:2])
@pytest.mark.parametrize("late", [False, True])
def test_a_reference_in_a_study_of_its_own_goes_to_the_series_that_it_names(site, kind, late):
    site.write_series()
    if late:
        site.settle()
    site.drop(kind, study=uid("planning"))
    site.settle()
    site.settle()
    assert site.report.study_uid == uid("study")
    assert [one.reference_kind for one in site.report.evaluations] == [kind]
    assert (site.count(Snapshot), site.ensemble.predictions) == (1 + late, 1)
    assert site.desk.statuses() == {FileStatus.INGESTED}


def test_a_reference_to_an_unknown_study_stays_in_its_own_and_joins_when_it_is_touched(site):
    site.write_series()
    path = site.drop("dicom-seg", study=uid("planning"))
    site.series.rename(site.desk.home / "t1")
    site.settle()
    assert site.report.study_uid == uid("planning")
    (site.desk.home / "t1").rename(site.series)
    site.settle()
    path.touch()
    site.settle()
    with site.desk.sessions() as session:
        reports = study_reports(session, results_dir=site.settings.results_dir)
    assert {one.study_uid: len(one.evaluations) for one in reports} == {
        uid("planning"): 0,
        uid("study"): 1,
    }
    assert site.ensemble.predictions == 1


def test_references_of_all_kinds_are_measured_beside_each_other(site):
    site.write_series()
    for kind in KINDS:
        site.drop(kind)
        site.settle()
    assert sorted(one.reference_kind for one in site.report.evaluations) == sorted(KINDS)
    assert (site.report.revision, site.ensemble.predictions) == (3, 1)


def test_the_same_mask_under_two_names_counts_once(site):
    site.write_series()
    site.drop("nifti", "a.nii.gz")
    site.drop("nifti", "b.nii.gz")
    site.settle()
    assert measured(site.report) == [("nifti", 1.0)]


def test_a_reference_that_came_first_waits_for_its_series(site):
    site.write_series()
    seg = site.drop("dicom-seg")
    site.series.rename(site.desk.home / "t1")
    site.settle()
    assert site.report.status == "no_series"
    assert "dicom-seg) was left out: no series was segmented" in site.report.warnings[0]
    (site.desk.home / "t1").rename(site.series)
    site.settle()
    assert seg.exists()
    assert measured(site.report) == [("dicom-seg", 1.0)]


def test_a_late_slice_needs_a_new_inference_with_the_reference(site):
    site.write_series()
    site.drop("nifti")
    late = site.series / "im0011.dcm"
    late.rename(site.desk.home / late.name)
    site.settle()
    (site.desk.home / late.name).rename(late)
    site.settle()
    assert (site.report.revision, site.ensemble.predictions) == (2, 2)
    assert len(site.report.evaluations) == 1


def test_a_result_whose_files_are_damaged_is_not_renewed(site):
    site.write_series()
    site.settle()
    with site.desk.sessions() as session:
        path = session.scalar(select(Artifact.path).where(Artifact.kind == "dicom-sr"))
    (site.settings.results_dir / path).write_bytes(b"other bytes")
    site.drop("nifti")
    runner_found_damage(site)
    assert site.ensemble.predictions == 2
    assert measured(site.report) == [("nifti", 1.0)]


def runner_found_damage(site) -> None:
    """As `settle`, where the old result stays damaged."""
    with pytest.raises(AssertionError, match="other bytes"):
        site.settle()


def test_a_reference_under_other_settings_needs_a_new_inference(site):
    site.write_series()
    site.settle()
    site.changed = {"minimum_volume_mm3": 1.0}
    site.drop("nifti")
    site.settle()
    assert site.ensemble.predictions == 2


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("grey", "segmentation must hold whole numbers, got fractions"),
        ("head", "reference must mark at most 600 ml"),
        ("elsewhere", "reference must lie in the volume to 90%, got 0%"),
        ("nowhere", "segmentation must say where it lies"),
        ("empty", "reference must mark something, got nothing"),
        ("negative", "reference must mark something, got nothing (negative labels"),
        ("air", "reference must lie in the head to 50%, got 0%"),
    ],
)
def test_a_mask_that_does_not_fit_is_a_warning_and_the_others_count(site, fault, says):
    site.write_series()
    site.drop("dicom-seg")
    path = site.drop("nifti")
    image = nibabel.Nifti1Image.from_bytes(nibabel.load(path).to_bytes())
    values, affine = np.asarray(image.dataobj), image.affine.copy()
    if fault == "grey":
        values = values + np.float32(0.5)
    if fault == "head":
        values = np.ones_like(values)
    if fault in ("empty", "negative"):
        values = (values * (0 if fault == "empty" else -1.0)).astype(np.int16)
    if fault == "air":
        values = np.zeros_like(values)
        values[:3, :3, :3] = 1
    if fault == "elsewhere":
        affine[:3, 3] += 500.0
    changed = nibabel.Nifti1Image(values, None if fault == "nowhere" else affine)
    if fault == "nowhere":
        changed.header.set_sform(None, code=0)
        changed.header.set_qform(None, code=0)
    nibabel.save(changed, path)
    site.settle()
    assert measured(site.report) == [("dicom-seg", 1.0)]
    (refused,) = site.report.refused_references
    assert (refused.reference_kind, refused.reason.startswith(says)) == ("nifti", True)
    (warning,) = [one for one in site.report.warnings if "was left out" in one]
    assert "(nifti)" in warning
    assert says in warning
    assert "CANARY" not in warning


def tissues(site, *, value_around: int = 2):
    """The mask as a challenge writes it: 3 enhancing, and 2 the oedema around."""
    path = site.drop("nifti")
    image = nibabel.load(path)
    enhancing = np.asarray(image.dataobj) > 0
    around = ndimage.binary_dilation(enhancing) & ~enhancing
    values = np.where(enhancing, 3, np.where(around, value_around, 0)).astype(np.uint8)
    nibabel.save(nibabel.Nifti1Image(values, image.affine), path)


def test_labels_of_tissues_are_pooled_with_a_warning(site):
    site.write_series()
    tissues(site)
    site.settle()
    (one,) = site.report.evaluations
    assert one.measures.dice < 0.7
    assert one.labels is None
    (warning,) = [one for one in site.report.warnings if "pooled" in one]
    assert "(nifti): labels 2, 3 are pooled into one mask" in warning
    assert one.notes == (warning.partition(": ")[2],)


def test_the_labels_of_a_setting_count_and_are_recorded_with_the_evaluation(site):
    site.changed = {"reference_labels": "3,1"}
    site.write_series()
    tissues(site)
    site.drop("dicom-seg")
    site.settle()
    by_kind = {one.reference_kind: one for one in site.report.evaluations}
    assert {kind: one.measures.dice for kind, one in by_kind.items()} == {
        "nifti": 1.0,
        "dicom-seg": 1.0,
    }
    assert (by_kind["nifti"].labels, by_kind["dicom-seg"].labels) == ((1, 3), None)
    assert by_kind["nifti"].notes == ("labels that counted: 3; left out: 2",)
    assert not any("pooled" in one for one in site.report.warnings)


def test_a_reference_without_the_labels_of_the_setting_is_refused(site):
    site.changed = {"reference_labels": "7"}
    site.write_series()
    tissues(site)
    site.settle()
    assert site.report.evaluations == ()
    (refused,) = site.report.refused_references
    assert refused.reason == (
        "reference must mark something, got nothing (labels that counted: none; left out: 2, 3)"
    )
    assert site.report.dice is None


def test_the_choice_of_regions_of_a_reference_is_recorded_and_can_be_set(site):
    site.write_series()
    site.drop("dicom-rtstruct")
    site.settle()
    (one,) = site.report.evaluations
    assert one.notes[0].startswith("regions taken: 1 'Lesion 1', 2 'Lesion 2'")
    site.changed = {"reference_regions": "lesion 2"}
    site.settle()
    (one,) = site.report.evaluations
    assert (one.measures.true_positives, one.measures.false_positives) == (1, 2)
    assert one.notes[0] == "regions taken: 2 'Lesion 2'"


def test_between_two_studies_a_mask_waits_and_is_taken_once_its_name_says_whose_it_is(site):
    site.write_series()
    other = Recipe(name="other")
    folder = site.desk.inbox / "study" / "other"
    write_study(folder, other, shape=(12, 36, 36), spacing=(5.0, 4.0, 4.0))
    path = site.drop("nifti")
    site.desk.take_in()
    status, reason = site.desk.files()["study/mask.nii.gz"]
    assert status is FileStatus.QUARANTINED
    assert reason.startswith("unpaired: several studies")
    path.rename(path.with_name(f"{uid('study')}.nii.gz"))
    site.settle()
    with site.desk.sessions() as session:
        reports = study_reports(session, results_dir=site.settings.results_dir)
    assert {one.study_uid: len(one.evaluations) for one in reports} == {
        uid("study"): 1,
        uid("other"): 0,
    }
