"""A NIfTI lies where its unit and the form that fits the study say; guesses are reported."""

import nibabel
import numpy as np
import pytest

from imaging.masks.reference import read_mask, read_reference
from imaging.remarks import Remarks
from metseg.errors import ReferenceMaskError
from tests.helpers.dicom.phantom import head_with_lesions

HEAD = head_with_lesions((16, 40, 44), (4.0, 3.5, 3.4))
DATA = (HEAD.labels > 0).astype(np.uint8).T
RAS = np.diag([-1.0, -1.0, 1.0, 1.0]) @ HEAD.volume.affine[:, [2, 1, 0, 3]]
MILLIMETRES, METRES, MICROMETRES, UNKNOWN = 2, 1, 3, 0


def moved(*mm: float) -> np.ndarray:
    there = RAS.copy()
    there[:3, 3] += mm
    return there


def mirrored() -> np.ndarray:
    """The same box of voxels, left and right exchanged."""
    there = RAS.copy()
    there[:, 3] = RAS @ [DATA.shape[0] - 1, 0, 0, 1]
    there[:, 0] *= -1
    return there


def scaled(factor: float) -> np.ndarray:
    there = RAS.copy()
    there[:3] *= factor
    return there


def write(path, *, sform=(RAS, 1), qform=(RAS, 1), unit=MILLIMETRES, data=DATA):
    """A mask with these forms and codes."""
    image = nibabel.Nifti1Image(data, None)
    image.header.set_zooms(np.linalg.norm(qform[0][:3, :3], axis=0))
    image.set_qform(qform[0], code=qform[1])
    image.set_sform(sform[0], code=sform[1])
    image.header["xyzt_units"] = unit
    nibabel.save(image, path)
    return path


FORMS = {
    "alike": ((RAS, 1), (RAS, 1), None),
    "a rounding apart": ((RAS, 1), (moved(0.01, 0, 0), 1), None),
    "only the sform": ((RAS, 1), (moved(60, 0, 0), 0), None),
    "only the qform": ((moved(60, 0, 0), 0), (RAS, 1), None),
    "qform moved": ((RAS, 1), (moved(0, 12, 0), 1), "sform lies on the study"),
    "sform moved": ((moved(0, 12, 0), 1), (RAS, 1), "qform lies on the study"),
    "sform moved by whole voxels": ((moved(6.8, 0, 0), 2), (RAS, 1), "qform lies on the study"),
    "sform of an atlas": ((np.diag([2.0, 2.0, 2.0, 1.0]), 4), (RAS, 1), "qform lies on the study"),
    "sform mirrored, of an atlas": ((mirrored(), 4), (RAS, 1), "the qform was taken"),
    "qform mirrored": ((RAS, 1), (mirrored(), 1), "the sform was taken"),
}


@pytest.mark.parametrize(("sform", "qform", "says"), FORMS.values(), ids=FORMS)
def test_the_nifti_form_that_lies_on_the_study_wins(tmp_path, sform, qform, says):
    path = write(tmp_path / "mask.nii.gz", sform=sform, qform=qform)
    remarks = Remarks()
    laid = read_reference(path, HEAD.volume, remarks=remarks)
    np.testing.assert_array_equal(laid, HEAD.labels > 0)
    if says is None:
        assert remarks.warnings == []
    else:
        (warning,) = remarks.warnings
        assert warning.startswith("sform and qform differ by up to")
        assert says in warning


def test_of_two_nifti_forms_that_lie_elsewhere_neither_is_taken(tmp_path):
    path = write(tmp_path / "mask.nii", sform=(moved(400, 0, 0), 1), qform=(moved(0, 400, 0), 1))
    with pytest.raises(ReferenceMaskError, match="at least 90% of a reference"):
        read_reference(path, HEAD.volume)


def test_without_a_study_the_sform_counts_with_a_warning(tmp_path):
    path = write(tmp_path / "mask.nii.gz", sform=(moved(0, 12, 0), 1))
    placed = read_mask(path)
    assert placed.warnings == ("sform and qform differ by up to 12.0 mm: the sform was taken",)
    beside = read_mask(path, beside=HEAD.volume)
    np.testing.assert_allclose(beside.affine, HEAD.volume.affine, atol=1e-3)


UNITS = {
    "millimetres": (MILLIMETRES, 1.0, None),
    "unknown": (UNKNOWN, 1.0, None),
    "metres": (METRES, 1e-3, None),
    "micrometres": (MICROMETRES, 1e3, None),
    "metres, it says": (METRES, 1.0, "taken to be in millimetres: in metres, as it says"),
    "micrometres, it says": (MICROMETRES, 1.0, "taken to be in millimetres"),
    "metres, and says nothing": (UNKNOWN, 1e-3, "taken to be in metres"),
    "metres, but says millimetres": (MILLIMETRES, 1e-3, "taken to be in metres"),
    "a time unit beside": (MILLIMETRES + 8, 1.0, None),
}


@pytest.mark.parametrize(("unit", "factor", "says"), UNITS.values(), ids=UNITS)
def test_nifti_units_are_scaled_and_one_that_does_not_fit_a_head_is_not_believed(
    tmp_path, unit, factor, says
):
    form = (scaled(factor), 1)
    remarks = Remarks()
    path = write(tmp_path / "mask.nii.gz", sform=form, qform=form, unit=unit)
    laid = read_reference(path, HEAD.volume, remarks=remarks)
    np.testing.assert_array_equal(laid, HEAD.labels > 0)
    assert [says in one for one in remarks.warnings] == ([True] if says else [])


def test_a_nifti_form_that_cannot_be_inverted_is_ignored(tmp_path):
    broken = RAS.copy()
    broken[:, 0] = 0
    path = write(tmp_path / "mask.nii", sform=(broken, 1))
    np.testing.assert_array_equal(read_reference(path, HEAD.volume), HEAD.labels > 0)
    path = write(tmp_path / "mask.nii", sform=(broken, 1), qform=(RAS, 0))
    with pytest.raises(ReferenceMaskError, match="can be inverted"):
        read_reference(path, HEAD.volume)


@pytest.mark.parametrize(
    ("there", "is_said"), [(RAS, False), (moved(0, 12, 0), True), (mirrored(), False)]
)
def test_a_mask_with_the_shape_of_the_series_and_another_grid_makes_a_warning(
    tmp_path, there, is_said
):
    path = write(tmp_path / "m.nii", sform=(there, 1), qform=(there, 1))
    remarks = Remarks()
    read_reference(path, HEAD.volume, remarks=remarks)
    said = ["the mask has as many voxels as the series but another grid: it may be misplaced"]
    assert remarks.warnings == (said if is_said else [])
