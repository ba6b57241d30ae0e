"""`metseg evaluate` as a user types it."""

import csv
import io
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from cli.app import app
from tests.helpers.data import require_data
from tests.helpers.dicom.phantom import head_with_lesions, write_series

SHAPE = (20, 20, 10)  # columns, rows, slices
AFFINE = np.diag([-1.0, -1.0, 2.0, 1.0])


def evaluate(*arguments: str | Path, **variables: str) -> Result:
    env = {"COLUMNS": "150", "TERM": "dumb", **variables}
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], env=env)


def write_mask(path: Path, *cubes: tuple[int, int], value: int = 1, affine=AFFINE) -> Path:
    """Cubes of voxels on the diagonal: from, size."""
    mask = np.zeros(SHAPE, dtype=np.uint8)
    for start, size in cubes:
        mask[(slice(start, start + size),) * 3] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(mask, affine), path)
    return path


def write_pair(folder: Path, name: str = "a.nii.gz") -> tuple[Path, Path]:
    """Reference: 64 and 8 voxels of 2 mm3. Prediction: 48 of the first, and one false of 8."""
    reference = write_mask(folder / "ref" / name, (1, 4), (7, 2))
    prediction = write_mask(folder / "pred" / name, (1, 4))
    image = nibabel.load(prediction)
    voxels = np.asarray(image.dataobj).copy()
    voxels[1] = 0
    voxels[15:17, 15:17, 1:3] = 1
    nibabel.save(nibabel.Nifti1Image(voxels, image.affine), prediction)
    return prediction, reference


def test_the_json_of_evaluate_holds_every_measure(tmp_path: Path) -> None:
    ended = evaluate(*write_pair(tmp_path), "--format", "json")
    assert ended.exit_code == 0, ended.output
    told = json.loads(ended.stdout)
    assert told["dice"] == pytest.approx(2 * 48 / (72 + 56))
    assert told["lesion_dice"] == pytest.approx(2 * 48 / (64 + 48))
    assert told["lesion_surface_dice"] == 1.0  # a layer of 1 mm is missing
    assert told["surface_dice_tolerance_mm"] == 1.0
    assert (told["true_positives"], told["false_positives"], told["false_negatives"]) == (1, 1, 1)
    assert told["sensitivity"] == 0.5
    assert told["reference_volume_mm3"] == pytest.approx(144.0)
    assert told["volume_error_mm3"] == pytest.approx(-32.0)
    assert told["absolute_volume_error_mm3"] == pytest.approx(32.0)
    assert told["relative_volume_error"] == pytest.approx(-32 / 144)
    # 16 and 128 mm3: diameters of 3.13 and 6.25 mm.
    counts = {
        one["name"]: (one["found"], one["lesions"]) for one in told["sensitivity_by_diameter"]
    }
    assert counts == {"<3": (0, 0), "3-5": (0, 1), "5-10": (1, 1), ">=10": (0, 0)}
    assert sorted(one["dice"] is None for one in told["detections"]) == [False, True]
    assert "RESEARCH USE ONLY" in told["notice"]
    assert told["notes"] == []


def test_the_table_of_evaluate_is_readable(tmp_path: Path) -> None:
    ended = evaluate(*write_pair(tmp_path))
    assert ended.exit_code == 0, ended.output
    for word in ("Dice", "surface Dice", "HD95", "1 of 2", "3-5 mm 0/1", "-22.2%", "RESEARCH USE"):
        assert word in ended.stdout


def test_evaluate_uses_the_tolerance_that_the_user_gives(tmp_path: Path) -> None:
    ended = evaluate(*write_pair(tmp_path), "--format", "json", "--tolerance", "0.5")
    told = json.loads(ended.stdout)
    assert told["surface_dice_tolerance_mm"] == 0.5
    assert told["lesion_surface_dice"] < 1.0


def test_evaluate_compares_two_folders_name_by_name(tmp_path: Path) -> None:
    write_pair(tmp_path, "a.nii.gz")
    write_mask(tmp_path / "ref" / "b.nii.gz", (2, 6))
    write_mask(tmp_path / "pred" / "b" / "mask.nii", (2, 6))  # a folder stands for its mask
    write_mask(tmp_path / "ref" / "c.nii.gz")
    write_mask(tmp_path / "pred" / "c.nii.gz", (2, 1), (6, 1))
    ended = evaluate(tmp_path / "pred", tmp_path / "ref", "--format", "json")
    assert ended.exit_code == 0, ended.output
    told = json.loads(ended.stdout)
    assert [case["case"] for case in told["cases"]] == ["a", "b", "c"]
    assert told["cases"][2]["notes"] == ["the reference is empty: Dice is 1 or 0 by convention"]
    summary = told["summary"]
    dices = [0.75, 1.0]  # c has no lesion to find
    assert summary["measures"]["dice"]["n"] == 2
    assert summary["measures"]["dice"]["mean"] == pytest.approx(np.mean(dices))
    assert summary["measures"]["dice"]["median"] == pytest.approx(np.median(dices))
    assert summary["measures"]["dice"]["sd"] == pytest.approx(np.std(dices, ddof=1))
    assert summary["measures"]["false_positives"]["mean"] == pytest.approx((1 + 0 + 2) / 3)
    assert summary["sensitivity"] == pytest.approx(2 / 3)
    pooled = {
        one["name"]: (one["found"], one["lesions"]) for one in summary["sensitivity_by_diameter"]
    }
    assert pooled == {"<3": (0, 0), "3-5": (0, 1), "5-10": (2, 2), ">=10": (0, 0)}
    table = evaluate(tmp_path / "pred", tmp_path / "ref")
    assert "3 cases, 2 with lesions" in table.stdout
    assert "2 of 3 found" in table.stdout
    rows = list(
        csv.DictReader(
            io.StringIO(evaluate(tmp_path / "pred", tmp_path / "ref", "--format", "csv").stdout)
        )
    )
    assert [(row["case"], row["false_positives"], row["found 5-10 mm"]) for row in rows] == [
        ("a", "1", "1"),
        ("b", "0", "1"),
        ("c", "2", "0"),
    ]


def test_a_pair_that_cannot_be_measured_is_reported_and_the_others_are_measured(
    tmp_path: Path,
) -> None:
    write_pair(tmp_path, "a.nii.gz")
    write_mask(tmp_path / "ref" / "broken.nii.gz", (2, 3))
    (tmp_path / "pred" / "broken.nii.gz").write_bytes(b"no gzip")
    write_mask(tmp_path / "ref" / "missed.nii.gz", (2, 3))
    ended = evaluate(tmp_path / "pred", tmp_path / "ref", "--format", "json")
    assert ended.exit_code == 1
    told = json.loads(ended.stdout)
    assert told["cases"][1]["error"]["code"] == "reference_invalid"
    assert told["only_in_reference"] == ["missed"]
    assert told["summary"]["cases"] == 1
    assert "no prediction for missed" in ended.stderr
    assert "reference_invalid broken" in ended.stderr
    assert evaluate(tmp_path / "pred", tmp_path / "ref").exit_code == 1
    rows = csv.DictReader(
        io.StringIO(evaluate(tmp_path / "pred", tmp_path / "ref", "--format", "csv").stdout)
    )
    assert [row["error"] for row in rows] == ["", "reference_invalid"]


def test_a_reference_of_another_grid_is_resampled_with_a_note(tmp_path: Path) -> None:
    prediction, reference = write_pair(tmp_path)
    shifted = AFFINE.copy()
    shifted[0, 3] = 0.4
    write_mask(reference, (1, 4), (7, 2), affine=shifted)
    told = json.loads(evaluate(prediction, reference, "--format", "json").stdout)
    assert told["dice"] == pytest.approx(2 * 48 / (72 + 56))
    (note,) = told["notes"]
    assert "resampled" in note
    assert "144.0 mm3 became 144.0 mm3" in note
    assert "resampled" in evaluate(prediction, reference).stdout


def test_the_labels_option_chooses_what_is_lesion(tmp_path: Path) -> None:
    prediction = write_mask(tmp_path / "pred.nii.gz", (1, 4), value=1)
    reference = write_mask(tmp_path / "ref.nii.gz", (1, 4), value=3)
    for labels, dice in (("3", 1.0), ("1,3", 1.0), ("1", 0.0)):
        ended = evaluate(prediction, reference, "--format", "json", "--ref-labels", labels)
        assert json.loads(ended.stdout)["dice"] == dice
    refused = evaluate(prediction, reference, "--pred-labels", "tumour")
    assert refused.exit_code == 2
    assert "whole numbers" in refused.stderr


def test_assumptions_about_a_mask_are_notes(tmp_path: Path) -> None:
    prediction = write_mask(tmp_path / "pred.nii.gz", (1, 4))
    reference = write_mask(tmp_path / "ref.nii.gz", (1, 4), value=3)
    image = nibabel.load(reference)
    moved = AFFINE.copy()
    moved[1, 3] = 8.0
    voxels = np.asarray(image.dataobj).copy()
    voxels[5:7, 5:7, 5:7] = 2
    odd = nibabel.Nifti1Image(voxels, AFFINE)
    odd.set_sform(moved, code=2)
    odd.set_qform(AFFINE, code=1)
    nibabel.save(odd, reference)
    ended = evaluate(prediction, reference, "--format", "json")
    assert ended.exit_code == 0, ended.output
    told = json.loads(ended.stdout)
    assert told["dice"] == pytest.approx(2 * 64 / (64 + 72))
    labels, forms = told["notes"]
    assert labels.startswith("reference: labels 2, 3 are pooled into one mask")
    assert forms.startswith("reference: sform and qform differ by up to 8.0 mm: the qform lies")
    ended = evaluate(prediction, reference, "--format", "json", "--ref-labels", "3")
    assert json.loads(ended.stdout)["dice"] == 1.0


def test_a_dicom_seg_by_metseg_is_measured_against_nifti(tmp_path: Path) -> None:
    from datetime import datetime

    from imaging.dicom.series.series import read_series
    from imaging.export.dicom.seg import Authorship, write_segmentation
    from imaging.export.nifti import nifti_bytes
    from imaging.lesions.find import find_lesions
    from imaging.lesions.rule import LesionRule

    head = head_with_lesions((16, 40, 44), (4.0, 3.5, 3.4), plane="oblique")
    volume, source = read_series(write_series(head.volume, tmp_path / "series"))
    labels, lesions, _ = find_lesions((head.labels > 0).astype("f4"), volume, LesionRule())
    author = Authorship("fake-1", "0.1.0", datetime(2024, 1, 2, 3, 4, 5))  # noqa: DTZ001
    folder = tmp_path / "result"
    folder.mkdir()
    write_segmentation(folder / "lesions.dcm", labels, lesions, source, author)
    (tmp_path / "truth.nii.gz").write_bytes(nifti_bytes(labels, volume))
    for seg in (folder, folder / "lesions.dcm"):
        ended = evaluate(seg, tmp_path / "truth.nii.gz", "--format", "json")
        assert ended.exit_code == 0, ended.output
        told = json.loads(ended.stdout)
        assert (told["dice"], told["surface_dice"], told["notes"]) == (1.0, 1.0, [])
        assert told["true_positives"] == len(lesions)
    refused = evaluate(tmp_path / "series", tmp_path / "truth.nii.gz")
    assert refused.exit_code == 1
    assert "must hold one mask, got 0" in refused.stderr


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ((["a.nii.gz", "b.nii.gz"], ["c.nii.gz"]), "masks of the same names"),
        ((["a.nii.gz", "a.nii"], ["a.nii"]), "two masks 'a'"),
    ],
)
def test_folders_that_make_no_pairs_are_refused(tmp_path: Path, names, told) -> None:
    for side, files in zip(("pred", "ref"), names, strict=True):
        for name in files:
            write_mask(tmp_path / side / name, (1, 2))
    ended = evaluate(tmp_path / "pred", tmp_path / "ref")
    assert ended.exit_code == 3
    assert told in ended.stderr


def test_one_mask_in_each_folder_is_a_pair_whatever_the_names(tmp_path: Path) -> None:
    write_mask(tmp_path / "pred" / "mine.nii.gz", (1, 4))
    write_mask(tmp_path / "ref" / "yours.nii", (1, 4))
    told = json.loads(evaluate(tmp_path / "pred", tmp_path / "ref", "--format", "json").stdout)
    assert [(case["case"], case["dice"]) for case in told["cases"]] == [("pred", 1.0)]


def test_a_path_that_does_not_exist_is_wrong_usage(tmp_path: Path) -> None:
    assert evaluate(tmp_path / "none.nii.gz", write_mask(tmp_path / "a.nii.gz")).exit_code == 2


@pytest.mark.data
def test_the_evaluate_command_gives_the_published_figures_of_the_golden_set() -> None:
    root = require_data("metrics_golden")
    ended = evaluate(
        root / "pred" / "00132-000.nii.gz",
        root / "ref" / "BraTS-MET-00132-000-seg.nii.gz",
        *("--ref-labels", "1,3", "--pred-labels", "1,3", "--format", "json"),
    )
    told = json.loads(ended.stdout)
    assert (told["true_positives"], told["false_positives"], told["false_negatives"]) == (6, 1, 2)
    assert told["lesion_dice"] == pytest.approx(0.776072, abs=1e-6)
    assert told["lesion_surface_dice"] == pytest.approx(0.865979, abs=1e-6)
