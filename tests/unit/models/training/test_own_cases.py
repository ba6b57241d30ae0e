import nibabel
import numpy as np
import pytest

from metseg.errors import MetsegError
from models.training.own_cases import read_own_cases


def write(folder, name, values, spacing=2.0):
    folder.mkdir(exist_ok=True)
    affine = np.diag([spacing, spacing, spacing, 1.0])
    nibabel.Nifti1Image(values.astype(np.float32), affine).to_filename(folder / name)


def test_cases_come_at_1_mm_with_their_masks(tmp_path):
    mask = np.zeros((8, 9, 10))
    mask[2:5, 3:6, 4:7] = 3
    write(tmp_path / "b", "image.nii.gz", mask * 10)
    write(tmp_path / "b", "mask.nii.gz", mask)
    (case,) = read_own_cases(tmp_path)
    assert case.voxels.shape == (20, 18, 16)  # slice, row, column of twice as fine a grid
    assert case.mask.sum() == pytest.approx(27 * 8, rel=0.2)
    assert case.voxels[case.mask].mean() > 20


def test_a_mask_on_another_grid_is_refused_without_the_folders_name(tmp_path):
    write(tmp_path / "doe_jane", "image.nii.gz", np.zeros((4, 4, 4)))
    write(tmp_path / "doe_jane", "mask.nii.gz", np.zeros((4, 4, 4)), spacing=1.0)
    with pytest.raises(MetsegError, match="mask of case 1 must be on the image's grid") as caught:
        list(read_own_cases(tmp_path))
    assert "jane" not in str(caught.value)


def test_a_case_without_mask_and_a_folder_without_cases_are_refused(tmp_path):
    with pytest.raises(MetsegError, match="got none"):
        list(read_own_cases(tmp_path))
    write(tmp_path / "a", "image.nii.gz", np.zeros((4, 4, 4)))
    with pytest.raises(MetsegError, match=r"case 1 must hold image\.nii\.gz and mask\.nii\.gz"):
        list(read_own_cases(tmp_path))
