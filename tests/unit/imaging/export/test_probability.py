"""The probability as a fractional DICOM SEG and as NIfTI, read by others to the same values."""

import gzip

import highdicom
import nibabel
import numpy as np
import pydicom
import pytest

from imaging.dicom.series.series import read_series
from imaging.export.dicom.seg import has_probability, write_probability
from imaging.export.nifti import probability_nifti_bytes
from tests.helpers.dicom.phantom import head_with_lesions, write_series
from tests.unit.imaging.export.dicom.test_seg import AUTHOR, PLANES, SHAPE, SPACING


def ramp(shape):
    """Every step between 0 and 1, and two empty slices."""
    values = np.linspace(0, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    values[:2] = 0
    return values


@pytest.mark.parametrize("plane", PLANES)
def test_highdicom_reads_the_probability_within_half_a_step_where_it_was(tmp_path, plane):
    head = head_with_lesions(SHAPE, SPACING, plane=plane)
    volume, source = read_series(write_series(head.volume, tmp_path / "mr"))
    probability = ramp(volume.shape)
    write_probability(tmp_path / "p.dcm", probability, source, AUTHOR, deflated=True)
    read = highdicom.seg.segread(tmp_path / "p.dcm").get_volume(rescale_fractional=True)
    index = np.stack(np.meshgrid(*map(np.arange, read.array.shape[:3]), indexing="ij"), axis=-1)
    world = index @ read.affine[:3, :3].T + read.affine[:3, 3]
    native = (world - volume.affine[:3, 3]) @ np.linalg.inv(volume.affine[:3, :3]).T
    nearest = np.rint(native).astype(int)
    assert np.abs(native - nearest).max() < 1e-3
    laid = np.zeros(volume.shape)
    laid[tuple(np.moveaxis(nearest, -1, 0))] = read.array[..., 0]
    assert np.abs(laid - probability).max() <= 0.5 / 255 + 1e-6


def test_a_probability_seg_is_one_segment_with_the_agreed_codes(tmp_path):
    head = head_with_lesions(SHAPE, SPACING)
    _, source = read_series(write_series(head.volume, tmp_path / "mr"))
    write_probability(tmp_path / "p.dcm", ramp(SHAPE), source, AUTHOR)
    dataset = pydicom.dcmread(tmp_path / "p.dcm")
    assert (dataset.SegmentationType, dataset.SegmentationFractionalType) == (
        "FRACTIONAL",
        "PROBABILITY",
    )
    assert dataset.MaximumFractionalValue == 255
    assert dataset.NumberOfFrames == SHAPE[0] - 2, "slices of nothing are left out"
    assert dataset.ContentDescription == "RESEARCH USE ONLY - NOT FOR DIAGNOSIS"
    (segment,) = dataset.SegmentSequence
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeValue == "14799000"


def test_probabilities_below_half_a_step_make_no_file(tmp_path):
    head = head_with_lesions(SHAPE, SPACING)
    _, source = read_series(write_series(head.volume, tmp_path / "mr"))
    faint = np.full(SHAPE, 0.0019, dtype=np.float32)
    assert not has_probability(faint)
    assert has_probability(faint + np.float32(0.0002))
    with pytest.raises(ValueError, match="not all 0"):
        write_probability(tmp_path / "p.dcm", faint, source, AUTHOR)
    with pytest.raises(ValueError, match="16 slices"):
        write_probability(tmp_path / "p.dcm", ramp((15, *SHAPE[1:])), source, AUTHOR)
    assert not (tmp_path / "p.dcm").exists()


@pytest.mark.parametrize("plane", PLANES)
def test_simpleitk_reads_the_probability_nifti_at_the_same_places(tmp_path, plane):
    simpleitk = pytest.importorskip("SimpleITK")
    volume = head_with_lesions(SHAPE, SPACING, plane=plane).volume
    probability = ramp(SHAPE)
    path = tmp_path / "p.nii.gz"
    path.write_bytes(probability_nifti_bytes(probability, volume))
    image = simpleitk.ReadImage(str(path))
    for index in ((0, 0, 0), (15, 3, 7), (9, 39, 43)):
        place = image.TransformIndexToPhysicalPoint([int(i) for i in index[::-1]])
        np.testing.assert_allclose(place, volume.to_lps(np.array(index, float)), atol=1e-3)
        assert image[index[::-1]] == pytest.approx(probability[index], abs=6e-4)


def test_the_probability_nifti_is_small_and_the_same_each_time():
    volume = head_with_lesions(SHAPE, SPACING).volume
    content = probability_nifti_bytes(ramp(SHAPE), volume)
    assert content == probability_nifti_bytes(ramp(SHAPE), volume)
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(content))
    assert image.get_data_dtype() == np.int16
    assert np.abs(image.get_fdata().T - ramp(SHAPE)).max() <= 0.0005 + 1e-7


def test_values_that_are_not_probabilities_are_refused():
    volume = head_with_lesions(SHAPE, SPACING).volume
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        probability_nifti_bytes(ramp(SHAPE) * 2, volume)
    with pytest.raises(ValueError, match="shape of volume"):
        probability_nifti_bytes(ramp(SHAPE)[1:], volume)
