from pathlib import Path

import nibabel
import numpy as np
import pytest

from metseg.errors import MetsegError
from tests.unit.training.data.own_case_files import ball, write, write_series
from training.data.own_cases import SkippedCase, read_own_cases
from training.data.real_cases import RealCase


def only_case(folder: Path) -> RealCase:
    (case,) = read_own_cases(folder)
    assert isinstance(case, RealCase)
    return case


def why_skipped(folder: Path) -> str:
    (case,) = read_own_cases(folder)
    assert isinstance(case, SkippedCase)
    return case.line()


def test_own_cases_come_at_1_mm_with_their_masks(tmp_path: Path) -> None:
    write(tmp_path / "b", "image.nii.gz", ball() * 10)
    write(tmp_path / "b", "mask.nii.gz", ball())
    case = only_case(tmp_path)
    assert case.voxels.shape == (40, 38, 36)  # slice, row, column of twice as fine a grid
    assert case.mask.sum() == pytest.approx(27 * 8, rel=0.2)
    assert case.voxels[case.mask].mean() > 20
    assert case.brain is None


def test_an_own_case_brings_its_brain_mask(tmp_path: Path) -> None:
    brain = np.zeros((18, 19, 20))
    brain[4:14] = 1
    for name, values in (("image", ball()), ("mask", ball()), ("brain", brain)):
        write(tmp_path / "b", f"{name}.nii.gz", values)
    case = only_case(tmp_path)
    assert case.brain is not None
    assert case.brain.mean() == pytest.approx(10 / 18, abs=0.03)


def test_a_series_with_a_seg_is_an_own_case_however_its_slices_run(tmp_path: Path) -> None:
    write_series(tmp_path / "a")
    (tmp_path / "a" / "notes.txt").write_text("not DICOM")
    case = only_case(tmp_path)
    assert case.mask.sum() == 4 * 6 * 8
    assert np.array_equal(case.mask, case.voxels == 200)
    assert np.argwhere(case.mask)[:, 0].min() == 32 - 9  # upside down


def test_the_series_of_an_own_case_may_have_a_nifti_mask(tmp_path: Path) -> None:
    volume = write_series(tmp_path / "a", marked=False)
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.affine[:, [2, 1, 0, 3]]
    mask = (volume.voxels == 200).astype(np.uint8)
    nibabel.Nifti1Image(mask.T, ras).to_filename(tmp_path / "a" / "mask.nii.gz")
    case = only_case(tmp_path)
    assert np.array_equal(case.mask, case.voxels == 200)


def test_a_faulty_own_case_is_reported_by_number_and_the_others_are_read(tmp_path: Path) -> None:
    write(tmp_path / "a", "image.nii.gz", ball())
    write(tmp_path / "a", "mask.nii.gz", ball())
    write(tmp_path / "doe_jane", "image.nii.gz", ball())
    write(tmp_path / "doe_jane", "mask.nii.gz", ball(), spacing=1.0)
    write_series(tmp_path / "z")
    first, second, third = read_own_cases(tmp_path)
    assert isinstance(first, RealCase)
    assert isinstance(third, RealCase)
    assert isinstance(second, SkippedCase)
    assert second.line().startswith(
        "case 2 is left out: mask.nii.gz must be on the image's grid (18, 19, 20)"
    )
    assert "jane" not in second.line()


def test_each_fault_of_an_own_case_names_the_rule(tmp_path: Path) -> None:
    case = tmp_path / "a"
    case.mkdir()
    assert "image.nii.gz or one series, got 0" in why_skipped(tmp_path)
    write(case, "image.nii.gz", ball())
    assert "mask.nii.gz or one DICOM SEG, got 0" in why_skipped(tmp_path)
    write(case, "image.nii.gz", np.zeros((4, 20, 20)))
    assert "at least 30 mm wide, got 8.0" in why_skipped(tmp_path)
    write(case, "image.nii.gz", np.full((20, 20, 20), np.nan))
    assert "image.nii.gz must hold finite values" in why_skipped(tmp_path)
    write(case, "image.nii.gz", np.ones((20, 20, 20)))
    assert "must have contrast, got 1 everywhere" in why_skipped(tmp_path)
    write(case, "image.nii.gz", np.ones((20, 20, 20)), spacing=7.0)
    assert "at most 6 mm apart, got 7.00 mm" in why_skipped(tmp_path)
    (case / "image.nii.gz").write_bytes(b"nothing")
    assert "image.nii.gz must be NIfTI" in why_skipped(tmp_path)


def test_an_own_case_of_two_series_is_refused(tmp_path: Path) -> None:
    write_series(tmp_path / "a", series="1.2.3")
    write_series(tmp_path / "a", series="1.2.4")
    assert "image.nii.gz or one series, got 2" in why_skipped(tmp_path)


def test_a_folder_without_cases_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MetsegError, match="got none"):
        list(read_own_cases(tmp_path))
