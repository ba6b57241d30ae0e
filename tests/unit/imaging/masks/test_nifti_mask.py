"""Which values of a NIfTI count: whole numbers above 0, or the labels that are named."""

import struct

import nibabel
import numpy as np
import pytest

from imaging.masks.reference import read_mask, read_reference
from imaging.remarks import Remarks
from imaging.volume import Volume
from metseg.errors import ReferenceMaskError

SHAPE = (10, 12, 14)
VOLUME = Volume(np.zeros(SHAPE, np.float32), np.diag([1.0, 1.0, 1.0, 1.0]))


def write(path, values, kind=None):
    """Values ``(slice, row, column)`` on the grid of the volume."""
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ VOLUME.affine[:, [2, 1, 0, 3]]
    kind = kind or values.dtype
    nibabel.save(nibabel.Nifti1Image(values.T.astype(kind), affine, dtype=kind), path)
    return path


def cubes(*parts, kind=np.int16) -> np.ndarray:
    """Cubes of 3 voxels an edge on a diagonal: (corner, value)."""
    values = np.zeros(SHAPE, kind)
    for corner, value in parts:
        values[(slice(corner, corner + 3),) * 3] = value
    return values


ONE = cubes((1, 1))
MARKED = ONE > 0
VALUES = {
    "one": ONE,
    "255": ONE * 255,
    "single precision": (ONE * 0.9999999).astype(np.float32),
    "NaN around": np.where(MARKED, 1.0, np.nan).astype(np.float32),
    "negative around": np.where(MARKED, 1, -1).astype(np.int16),
    "negative beside": cubes((1, 1), (6, -3)),
    "negative, single precision": cubes((1, 1), (6, -1)).astype(np.float32),
    "64 bits": ONE.astype(np.int64) * 7,
    "unsigned 64 bits": ONE.astype(np.uint64) * 7,
}


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_whole_numbers_above_zero_in_a_nifti_are_marked(tmp_path, values):
    path = write(tmp_path / "mask.nii.gz", values, values.dtype)
    np.testing.assert_array_equal(read_reference(path, VOLUME), MARKED)


def test_scaled_values_of_a_nifti_may_be_whole_numbers_too(tmp_path):
    path = write(tmp_path / "mask.nii", (ONE * 255).astype(np.uint8))
    content = bytearray(path.read_bytes())
    content[112:120] = struct.pack("<2f", 1 / 255, 0.0)  # scl_slope, scl_inter
    path.write_bytes(content)
    np.testing.assert_array_equal(read_reference(path, VOLUME, labels=[1]), MARKED)


REFUSED = {
    "probabilities": (ONE * 0.7, "fractions"),
    "infinite": (np.where(MARKED, np.inf, 0.0), "infinite"),
    "complex": (ONE.astype(np.complex64), "another type"),
}


@pytest.mark.parametrize(("values", "rule"), REFUSED.values(), ids=REFUSED)
def test_a_nifti_with_values_that_are_not_labels_is_refused(tmp_path, values, rule):
    with pytest.raises(ReferenceMaskError, match=rule):
        read_reference(write(tmp_path / "mask.nii.gz", values, values.dtype), VOLUME)


LABELS = {
    "one": ([(1, 1)], None),
    "lesions numbered": ([(1, 1), (5, 2)], None),
    "tissues that touch": ([(1, 1), (4, 2)], "labels 1, 2 are pooled"),
    "tissues by other numbers": ([(1, 1), (6, 3)], "labels 1, 3 are pooled"),
    "a tissue in two pieces": ([(1, 1), (5, 2), (9, 1)], "labels 1, 2 are pooled"),
}


@pytest.mark.parametrize(("parts", "says"), LABELS.values(), ids=LABELS)
def test_labels_of_several_tissues_are_pooled_with_a_warning(tmp_path, parts, says):
    values = cubes(*parts)
    path = write(tmp_path / "mask.nii.gz", values)
    remarks = Remarks()
    np.testing.assert_array_equal(read_reference(path, VOLUME, remarks=remarks), values > 0)
    assert [says in one for one in remarks.warnings] == ([True] if says else [])
    assert [says in one for one in read_mask(path).warnings] == ([True] if says else [])


def test_labels_named_by_the_setting_count_and_this_is_reported(tmp_path):
    values = cubes((1, 1), (4, 2), (7, 3))
    path = write(tmp_path / "mask.nii.gz", values)
    remarks = Remarks()
    laid = read_reference(path, VOLUME, labels=[1, 3], remarks=remarks)
    np.testing.assert_array_equal(laid, np.isin(values, [1, 3]))
    assert remarks == Remarks(notes=["labels that counted: 1, 3; left out: 2"])


def test_negative_labels_make_a_warning(tmp_path):
    path = write(tmp_path / "mask.nii.gz", cubes((1, 1), (6, -1)))
    remarks = Remarks()
    read_reference(path, VOLUME, remarks=remarks)
    assert remarks.warnings == ["negative labels do not count"]
