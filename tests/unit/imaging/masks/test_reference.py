"""References are placed on a volume by their geometry, or refused with a reason."""

import gzip
from datetime import datetime

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK

from imaging.dicom.series.series import read_series
from imaging.export.dicom.seg import Authorship, write_segmentation
from imaging.export.nifti import nifti_bytes
from imaging.lesions.find import find_lesions
from imaging.lesions.rule import LesionRule
from imaging.masks.reference import read_mask, read_reference, sample_nearest
from imaging.volume import Volume
from metseg.errors import ReferenceMaskError
from tests.helpers.data import require_data
from tests.helpers.dicom.phantom import grid_affine, head_with_lesions, write_series

AUTHOR = Authorship("fake-1", "0.1.0", datetime(2024, 1, 2, 3, 4, 5))  # noqa: DTZ001
PLANES = ["axial", "sagittal", "coronal", "oblique"]


def study(folder, plane="axial"):
    """A series on disk, read back, with its SEG as if from another maker."""
    head = head_with_lesions((16, 40, 44), (4.0, 3.5, 3.4), plane=plane)
    volume, source = read_series(write_series(head.volume, folder / "mr"))
    labels, lesions, _ = find_lesions((head.labels > 0).astype("f4"), volume, LesionRule())
    path = folder / "seg.dcm"
    write_segmentation(path, labels, lesions, source, AUTHOR)
    return volume, source, labels, path


def by_others(path):
    dataset = pydicom.dcmread(path)
    dataset.Manufacturer = "somebody"
    dataset.save_as(path)
    return path


@pytest.mark.parametrize("plane", PLANES)
def test_a_dicom_seg_reference_is_put_where_it_was(tmp_path, plane):
    volume, source, labels, path = study(tmp_path, plane)
    np.testing.assert_array_equal(read_reference(by_others(path), volume, source), labels > 0)


@pytest.mark.parametrize("columns", range(41, 49))
def test_seg_frames_that_end_within_a_byte_are_read_whole(tmp_path, columns):
    head = head_with_lesions((12, 41, columns), (4.0, 3.5, 3.4))
    volume, source = read_series(write_series(head.volume, tmp_path / "mr"))
    labels, lesions, _ = find_lesions((head.labels > 0).astype("f4"), volume, LesionRule())
    write_segmentation(tmp_path / "seg.dcm", labels, lesions, source, AUTHOR)
    laid = read_reference(by_others(tmp_path / "seg.dcm"), volume, source)
    np.testing.assert_array_equal(laid, labels > 0)


@pytest.mark.parametrize("plane", PLANES)
def test_a_nifti_reference_is_put_where_it_was(tmp_path, plane):
    head = head_with_lesions((16, 40, 44), (4.0, 3.5, 3.4), plane=plane)
    path = tmp_path / "reference.nii.gz"
    path.write_bytes(nifti_bytes(head.labels, head.volume))
    np.testing.assert_array_equal(read_reference(path, head.volume), head.labels > 0)
    only = read_reference(path, head.volume, labels=[2])
    np.testing.assert_array_equal(only, head.labels == 2)


@pytest.mark.parametrize("plane", PLANES)
def test_a_reference_on_another_grid_is_resampled_to_the_nearest_voxel(tmp_path, plane):
    fine = head_with_lesions((60, 90, 90), (1.2, 1.5, 1.5), plane="axial")
    path = tmp_path / "fine.nii.gz"
    path.write_bytes(nifti_bytes(fine.labels, fine.volume))
    coarse = head_with_lesions((24, 64, 64), (3.0, 2.5, 2.5), plane=plane)
    laid = read_reference(path, coarse.volume)
    overlap = 2 * np.count_nonzero(laid & (coarse.labels > 0))
    assert overlap / (laid.sum() + np.count_nonzero(coarse.labels)) > 0.85


def test_a_segmentation_by_metseg_is_not_a_reference(tmp_path):
    volume, source, _, path = study(tmp_path)
    with pytest.raises(ReferenceMaskError, match="of our own") as caught:
        read_reference(path, volume, source)
    assert caught.value.code == "reference_invalid"
    read_reference(by_others(path), volume, source)


def test_a_reference_in_another_frame_of_reference_is_refused(tmp_path):
    volume, source, _, path = study(tmp_path)
    dataset = pydicom.dcmread(by_others(path))
    dataset.FrameOfReferenceUID = "1.2.3"
    with pytest.raises(ReferenceMaskError, match="FrameOfReferenceUID"):
        read_reference(dataset, volume, source)


def test_a_reference_outside_the_volume_is_refused(tmp_path):
    volume, source, _, path = study(tmp_path)
    far = volume.affine.copy()
    far[:3, 3] += 1000.0
    with pytest.raises(ReferenceMaskError, match="outside"):
        read_reference(by_others(path), Volume(volume.voxels, far), source)


def test_a_dicom_image_is_not_a_reference(tmp_path):
    volume, source, _, _ = study(tmp_path)
    with pytest.raises(ReferenceMaskError, match="must be a DICOM SEG, an RTSTRUCT or NIfTI"):
        read_reference(next((tmp_path / "mr").iterdir()), volume, source)


def test_a_file_that_is_neither_dicom_nor_nifti_is_refused(tmp_path):
    volume, _, _, _ = study(tmp_path)
    for name in ("a.nii.gz", "b.nii", "c.dcm"):
        path = tmp_path / name
        path.write_bytes(b"nothing of the kind" * 30)
        with pytest.raises(ReferenceMaskError):
            read_reference(path, volume)


def test_an_empty_reference_is_accepted(tmp_path):
    head = head_with_lesions((8, 32, 32), (6.0, 4.0, 4.0))
    path = tmp_path / "none.nii.gz"
    path.write_bytes(nifti_bytes(np.zeros_like(head.labels), head.volume))
    assert not read_reference(path, head.volume).any()


def test_a_fractional_segmentation_counts_from_one_half_on(tmp_path):
    volume, source, labels, path = study(tmp_path)
    dataset = pydicom.dcmread(by_others(path))
    frames = dataset.pixel_array
    dataset.SegmentationType, dataset.MaximumFractionalValue = "FRACTIONAL", 200
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    faint = dataset.NumberOfFrames - 1
    values = frames.astype(np.uint8) * 100
    values[faint] = frames[faint] * 99
    dataset.PixelData = values.tobytes()
    laid = read_reference(dataset, volume, source)
    assert laid.any()
    assert laid.sum() < (labels > 0).sum()


def test_sampling_a_reference_takes_the_nearest_voxel():
    mask = np.zeros((2, 2, 2), dtype=bool)
    mask[1, 1, 1] = True
    target = Volume(np.zeros((4, 4, 4), np.float32), grid_affine((4, 4, 4), (0.5, 0.5, 0.5)))
    laid = sample_nearest(mask, grid_affine((2, 2, 2), (1.0, 1.0, 1.0)), target)
    expected = np.zeros((4, 4, 4), dtype=bool)
    expected[2:, 2:, 2:] = True
    np.testing.assert_array_equal(laid, expected)


ANSWERS = {
    "liver.dcm": ["liver_seg.nrrd"],
    "24x38x3/seg/label.seg": ["24x38x3/nrrd/label.nrrd"],
    "23x38x3/seg/label.seg": ["23x38x3/nrrd/label.nrrd"],
    "partial_overlaps.dcm": [f"partial_overlaps-{n}.nrrd" for n in (1, 2, 3)],
    "sparse-labelmap-noppv.dcm": ["sparse_labelmap_noppv_seg.nrrd"],
    "sparse-labelmap-ppv5.dcm": ["sparse_labelmap_ppv5_seg.nrrd"],
}
PADDING = 5  # of the last one: PixelPaddingValue, no segment


@pytest.mark.data
@pytest.mark.parametrize(("seg", "answers"), ANSWERS.items())
def test_segmentations_of_other_makers_are_put_on_their_grid(seg, answers):
    root = require_data("dicom_seg/segmentations")
    images = [SimpleITK.ReadImage(root / name) for name in answers]
    marked = [SimpleITK.GetArrayFromImage(image) for image in images]
    expected = np.any([(one > 0) & ~((one == PADDING) & ("ppv5" in seg)) for one in marked], axis=0)
    affine = np.eye(4)
    directions = np.array(images[0].GetDirection()).reshape(3, 3) * images[0].GetSpacing()
    affine[:3, :3] = directions[:, ::-1]  # (x, y, z) to (slice, row, column); ITK is LPS
    affine[:3, 3] = images[0].GetOrigin()
    volume = Volume(np.zeros(expected.shape, np.float32), affine)
    np.testing.assert_array_equal(read_reference(root / seg, volume), expected)


def test_a_nifti_that_does_not_say_where_it_lies_is_refused(tmp_path):
    head = head_with_lesions((8, 32, 32), (6.0, 4.0, 4.0))
    image = nibabel.Nifti1Image((head.labels > 0).astype(np.uint8).T, None)
    path = tmp_path / "lost.nii"
    nibabel.save(image, path)
    with pytest.raises(ReferenceMaskError, match="sform"):
        read_reference(path, head.volume)


def test_a_nifti_of_another_head_is_refused(tmp_path):
    head = head_with_lesions((8, 32, 32), (6.0, 4.0, 4.0))
    elsewhere = head.volume.affine.copy()
    elsewhere[:3, 3] += [60.0, 0.0, 0.0]
    path = tmp_path / "other.nii.gz"
    path.write_bytes(nifti_bytes(head.labels, Volume(head.volume.voxels, elsewhere)))
    with pytest.raises(ReferenceMaskError, match="at least 90% of a reference"):
        read_reference(path, head.volume)


def test_a_nifti_is_recognised_by_its_content_and_inflated_no_further_than_it_declares(tmp_path):
    head = head_with_lesions((8, 32, 32), (6.0, 4.0, 4.0))
    content = gzip.decompress(nifti_bytes(head.labels, head.volume))
    path = tmp_path / "spooled.dcm"
    path.write_bytes(gzip.compress(content + bytes(50_000_000)))
    np.testing.assert_array_equal(read_reference(path, head.volume), head.labels > 0)
    path.write_bytes(content[:-200])
    with pytest.raises(ReferenceMaskError, match="bytes that its header says"):
        read_reference(path, head.volume)


def test_a_nifti_image_is_not_a_mask(tmp_path):
    head = head_with_lesions((8, 32, 32), (6.0, 4.0, 4.0))
    image = nibabel.Nifti1Image(head.volume.voxels.T / 7, np.diag([4.0, 4.0, 6.0, 1.0]))
    path = tmp_path / "t1.nii.gz"
    nibabel.save(image, path)
    with pytest.raises(ReferenceMaskError, match="whole numbers"):
        read_reference(path, head.volume)


def test_a_nifti_mask_keeps_labels_and_positions(tmp_path):
    head = head_with_lesions((8, 32, 32), (6.0, 4.0, 3.0), plane="sagittal")
    path = tmp_path / "labels.nii.gz"
    path.write_bytes(nifti_bytes(head.labels, head.volume))
    image = nibabel.load(path)
    index = np.argwhere(head.labels == 1)[0]
    assert np.asarray(image.dataobj)[tuple(index[::-1])] == 1
    x, y, z = head.volume.to_lps(index.astype(float))
    found = image.affine @ [*index[::-1], 1]
    np.testing.assert_allclose(found[:3], [-x, -y, z], atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "kind", "rule"),
    [
        ((2000, 2000, 400), np.uint8, "at most 268435456 voxels"),
        ((500, 500, 500), np.float64, "at most 536870912 bytes"),
    ],
)
def test_a_huge_nifti_is_refused_before_it_is_inflated(tmp_path, shape, kind, rule):
    """A few kilobytes of gzip inflate to gigabytes."""
    header = nibabel.Nifti1Header()
    header.set_data_dtype(kind)
    header.set_data_shape(shape)
    header["magic"], header["vox_offset"] = b"n+1", 352
    path = tmp_path / "huge.nii.gz"
    path.write_bytes(gzip.compress(header.binaryblock + bytes(1 << 20)))
    with pytest.raises(ReferenceMaskError, match=rule):
        read_mask(path)
