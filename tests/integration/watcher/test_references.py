"""A reference on its way from inbox to evaluation, with its study or later: watcher and worker."""

import nibabel
import numpy as np
import pytest
from scipy import ndimage
from sqlalchemy import select

from db.results.results import study_reports
from db.tables.result_tables import ArtifactRow, Result
from db.tables.tables import FileStatus, Snapshot
from metseg.outputs import OUTPUT_NAMES
from tests.helpers.dicom.phantom import Recipe, uid, write_study
from tests.helpers.dicom.references import bright_mm3
from tests.integration.watcher.reference_site import ReferenceSite, files, measured

KINDS = ["dicom-seg", "dicom-rtstruct", "nifti"]


@pytest.fixture
def reference_site(sqlite_site) -> ReferenceSite:
    return ReferenceSite(sqlite_site)


def test_a_late_reference_is_measured_on_both_databases(site):
    reference_site = ReferenceSite(site)
    reference_site.write_series()
    reference_site.settle()
    reference_site.drop("nifti")
    reference_site.settle()
    assert reference_site.ensemble.predictions == 1
    assert measured(reference_site.report) == [("nifti", 1.0)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_reference_that_comes_with_its_study_is_measured_against(reference_site, kind):
    reference_site.write_series()
    reference_site.drop(kind)
    reference_site.settle()
    (one,) = reference_site.report.evaluations
    assert one.reference_kind == kind
    assert one.measures.dice == pytest.approx(1.0, abs=0.05 if kind == "dicom-rtstruct" else 1e-9)
    assert (
        one.measures.true_positives,
        one.measures.false_positives,
        one.measures.false_negatives,
    ) == (3, 0, 0)
    assert reference_site.count(Snapshot) == reference_site.ensemble.predictions == 1
    assert reference_site.report.warnings == (
        "voxels are 5.00 mm apart; above 3 mm small lesions are missed",
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_late_reference_renews_the_evaluation_without_an_inference(reference_site, kind):
    reference_site.write_series()
    reference_site.settle()
    before = reference_site.report
    reference_site.drop(kind, lesions=2)
    reference_site.settle()
    after = reference_site.report
    assert (before.evaluations, before.dice) == ((), None)
    assert (after.revision, reference_site.ensemble.predictions) == (2, 1)
    (one,) = after.evaluations
    assert (one.reference_kind, one.measures.true_positives, one.measures.false_positives) == (
        kind,
        2,
        1,
    )
    assert one.measures.reference_volume_mm3 == pytest.approx(
        bright_mm3(reference_site.series, 2), rel=0.1
    )
    assert after.dice == one.measures.dice
    for name in ("series_uid", "lesions", "agreement", "series", "total_volume_mm3", "n_lesions"):
        assert getattr(after, name) == getattr(before, name), name
    assert reference_site.count(Result) == 2


def test_a_renewed_result_keeps_its_files_and_draws_the_reference_into_the_pictures(reference_site):
    reference_site.changed = {"outputs": OUTPUT_NAMES}
    reference_site.write_series()
    reference_site.settle()
    before = files(reference_site.report)
    reference_site.drop("nifti", lesions=2)
    reference_site.settle()
    after = files(reference_site.report)
    assert reference_site.ensemble.predictions == 1
    assert {kind for kind, _ in before} == {kind for kind, _ in after}
    anew = {key for key in before if before[key] != after[key]}
    assert {kind for kind, _ in anew} == {"preview-png", "report-html", "report-json"}
    assert len(before) == len(after) > 8


@pytest.mark.parametrize("kind", KINDS)
def test_a_replaced_reference_replaces_its_evaluation(reference_site, kind):
    reference_site.write_series()
    path = reference_site.drop(kind, lesions=1)
    reference_site.settle()
    assert [one.measures.true_positives for one in reference_site.report.evaluations] == [1]
    path.unlink()
    reference_site.drop(kind, lesions=3)
    reference_site.settle()
    assert [one.measures.true_positives for one in reference_site.report.evaluations] == [3]
    assert reference_site.ensemble.predictions == 1


@pytest.mark.parametrize("kind", KINDS[:2])
@pytest.mark.parametrize("late", [False, True])
def test_a_reference_in_a_study_of_its_own_goes_to_the_series_that_it_names(
    reference_site, kind, late
):
    reference_site.write_series()
    if late:
        reference_site.settle()
    reference_site.drop(kind, study=uid("planning"))
    reference_site.settle()
    reference_site.settle()
    assert reference_site.report.study_uid == uid("study")
    assert [one.reference_kind for one in reference_site.report.evaluations] == [kind]
    assert (reference_site.count(Snapshot), reference_site.ensemble.predictions) == (1 + late, 1)
    assert reference_site.watcher_site.statuses() == {FileStatus.INGESTED}


def test_a_reference_to_an_unknown_study_stays_in_its_own_and_joins_when_it_is_touched(
    reference_site,
):
    reference_site.write_series()
    path = reference_site.drop("dicom-seg", study=uid("planning"))
    reference_site.series.rename(reference_site.watcher_site.home / "t1")
    reference_site.settle()
    assert reference_site.report.study_uid == uid("planning")
    (reference_site.watcher_site.home / "t1").rename(reference_site.series)
    reference_site.settle()
    path.touch()
    reference_site.settle()
    with reference_site.watcher_site.sessions() as session:
        reports = study_reports(session, results_dir=reference_site.settings.results_dir)
    assert {one.study_uid: len(one.evaluations) for one in reports} == {
        uid("planning"): 0,
        uid("study"): 1,
    }
    assert reference_site.ensemble.predictions == 1


def test_references_of_all_kinds_are_measured_beside_each_other(reference_site):
    reference_site.write_series()
    for kind in KINDS:
        reference_site.drop(kind)
        reference_site.settle()
    assert sorted(one.reference_kind for one in reference_site.report.evaluations) == sorted(KINDS)
    assert (reference_site.report.revision, reference_site.ensemble.predictions) == (3, 1)


def test_the_same_mask_under_two_names_counts_once(reference_site):
    reference_site.write_series()
    reference_site.drop("nifti", "a.nii.gz")
    reference_site.drop("nifti", "b.nii.gz")
    reference_site.settle()
    assert measured(reference_site.report) == [("nifti", 1.0)]


def test_a_reference_that_came_first_waits_for_its_series(reference_site):
    reference_site.write_series()
    seg = reference_site.drop("dicom-seg")
    reference_site.series.rename(reference_site.watcher_site.home / "t1")
    reference_site.settle()
    assert reference_site.report.status == "no_series"
    assert "dicom-seg) was left out: no series was segmented" in reference_site.report.warnings[0]
    (reference_site.watcher_site.home / "t1").rename(reference_site.series)
    reference_site.settle()
    assert seg.exists()
    assert measured(reference_site.report) == [("dicom-seg", 1.0)]


def test_a_late_slice_needs_a_new_inference_with_the_reference(reference_site):
    reference_site.write_series()
    reference_site.drop("nifti")
    late = reference_site.series / "im0011.dcm"
    late.rename(reference_site.watcher_site.home / late.name)
    reference_site.settle()
    (reference_site.watcher_site.home / late.name).rename(late)
    reference_site.settle()
    assert (reference_site.report.revision, reference_site.ensemble.predictions) == (2, 2)
    assert len(reference_site.report.evaluations) == 1


def test_a_result_whose_files_are_damaged_is_not_renewed(reference_site):
    reference_site.write_series()
    reference_site.settle()
    with reference_site.watcher_site.sessions() as session:
        path = session.scalar(select(ArtifactRow.path).where(ArtifactRow.kind == "dicom-sr"))
    (reference_site.settings.results_dir / path).write_bytes(b"other bytes")
    reference_site.drop("nifti")
    runner_found_damage(reference_site)
    assert reference_site.ensemble.predictions == 2
    assert measured(reference_site.report) == [("nifti", 1.0)]


def runner_found_damage(reference_site) -> None:
    """As `settle`, but the old result stays damaged."""
    with pytest.raises(AssertionError, match="other bytes"):
        reference_site.settle()


def test_a_reference_under_other_settings_needs_a_new_inference(reference_site):
    reference_site.write_series()
    reference_site.settle()
    reference_site.changed = {"minimum_volume_mm3": 1.0}
    reference_site.drop("nifti")
    reference_site.settle()
    assert reference_site.ensemble.predictions == 2


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("grey", "segmentation must hold whole numbers, got fractions"),
        ("head", "reference must mark at most 600 ml"),
        ("elsewhere", "at least 90% of a reference must lie in the volume, got 0%"),
        ("nowhere", "segmentation must say where it lies"),
        ("empty", "reference must mark something, got nothing"),
        ("negative", "reference must mark something, got nothing (negative labels"),
        ("air", "reference must lie in the head to 50%, got 0%"),
    ],
)
def test_a_mask_that_does_not_fit_is_a_warning_and_the_others_count(reference_site, fault, says):
    reference_site.write_series()
    reference_site.drop("dicom-seg")
    path = reference_site.drop("nifti")
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
    reference_site.settle()
    assert measured(reference_site.report) == [("dicom-seg", 1.0)]
    (refused,) = reference_site.report.refused_references
    assert (refused.reference_kind, refused.reason.startswith(says)) == ("nifti", True)
    (warning,) = [one for one in reference_site.report.warnings if "was left out" in one]
    assert "(nifti)" in warning
    assert says in warning
    assert "CANARY" not in warning


def tissues(reference_site, *, value_around: int = 2):
    """The mask as a challenge writes it: 3 is enhancing tumour, 2 the oedema around it."""
    path = reference_site.drop("nifti")
    image = nibabel.load(path)
    enhancing = np.asarray(image.dataobj) > 0
    around = ndimage.binary_dilation(enhancing) & ~enhancing
    values = np.where(enhancing, 3, np.where(around, value_around, 0)).astype(np.uint8)
    nibabel.save(nibabel.Nifti1Image(values, image.affine), path)


def test_labels_of_tissues_are_pooled_with_a_warning(reference_site):
    reference_site.write_series()
    tissues(reference_site)
    reference_site.settle()
    (one,) = reference_site.report.evaluations
    assert one.measures.dice < 0.7
    assert one.labels is None
    (warning,) = [one for one in reference_site.report.warnings if "pooled" in one]
    assert "(nifti): labels 2, 3 are pooled into one mask" in warning
    assert one.notes == (warning.partition(": ")[2],)


def test_the_labels_of_a_setting_count_and_are_recorded_with_the_evaluation(reference_site):
    reference_site.changed = {"reference_labels": "3,1"}
    reference_site.write_series()
    tissues(reference_site)
    reference_site.drop("dicom-seg")
    reference_site.settle()
    by_kind = {one.reference_kind: one for one in reference_site.report.evaluations}
    assert {kind: one.measures.dice for kind, one in by_kind.items()} == {
        "nifti": 1.0,
        "dicom-seg": 1.0,
    }
    assert (by_kind["nifti"].labels, by_kind["dicom-seg"].labels) == ((1, 3), None)
    assert by_kind["nifti"].notes == ("labels that counted: 3; left out: 2",)
    assert not any("pooled" in one for one in reference_site.report.warnings)


def test_a_reference_without_the_labels_of_the_setting_is_refused(reference_site):
    reference_site.changed = {"reference_labels": "7"}
    reference_site.write_series()
    tissues(reference_site)
    reference_site.settle()
    assert reference_site.report.evaluations == ()
    (refused,) = reference_site.report.refused_references
    assert refused.reason == (
        "reference must mark something, got nothing (labels that counted: none; left out: 2, 3)"
    )
    assert reference_site.report.dice is None


def test_the_choice_of_regions_of_a_reference_is_recorded_and_can_be_set(reference_site):
    reference_site.write_series()
    reference_site.drop("dicom-rtstruct")
    reference_site.settle()
    (one,) = reference_site.report.evaluations
    assert one.notes[0].startswith("regions taken: 1 'Lesion 1', 2 'Lesion 2'")
    reference_site.changed = {"reference_regions": "lesion 2"}
    reference_site.settle()
    (one,) = reference_site.report.evaluations
    assert (one.measures.true_positives, one.measures.false_positives) == (1, 2)
    assert one.notes[0] == "regions taken: 2 'Lesion 2'"


def test_between_two_studies_a_mask_waits_and_is_taken_once_its_name_says_whose_it_is(
    reference_site,
):
    reference_site.write_series()
    other = Recipe(name="other")
    folder = reference_site.watcher_site.inbox / "study" / "other"
    write_study(folder, other, shape=(12, 36, 36), spacing=(5.0, 4.0, 4.0))
    path = reference_site.drop("nifti")
    reference_site.watcher_site.take_in()
    status, reason = reference_site.watcher_site.files()["study/mask.nii.gz"]
    assert status is FileStatus.QUARANTINED
    assert reason.startswith("unpaired: several studies")
    path.rename(path.with_name(f"{uid('study')}.nii.gz"))
    reference_site.settle()
    with reference_site.watcher_site.sessions() as session:
        reports = study_reports(session, results_dir=reference_site.settings.results_dir)
    assert {one.study_uid: len(one.evaluations) for one in reports} == {
        uid("study"): 1,
        uid("other"): 0,
    }
