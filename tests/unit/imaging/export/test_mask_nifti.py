"""The label mask as NIfTI, read by SimpleITK: every label at its patient millimetres."""

import numpy as np
import pytest
import SimpleITK

from imaging.export.nifti import nifti_bytes
from tests.helpers.dicom.exported import PLANES, phantom_in


@pytest.mark.parametrize("plane", PLANES)
def test_simpleitk_reads_every_label_of_a_mask_at_its_place(tmp_path, plane):
    head = phantom_in(plane)
    path = tmp_path / "mask.nii.gz"
    path.write_bytes(nifti_bytes(head.labels, head.volume))
    image = SimpleITK.ReadImage(path)
    assert image.GetPixelID() == SimpleITK.sitkUInt8
    for number in (1, 2, 3):
        index = np.argwhere(head.labels == number)
        found = [
            image.TransformPhysicalPointToContinuousIndex(place)
            for place in head.volume.to_lps(index.astype(float)).tolist()
        ]
        assert np.abs(np.array(found)[:, ::-1] - index).max() < 1e-3
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(image), head.labels)


def test_more_than_255_labels_take_16_bits(tmp_path):
    volume = phantom_in("axial").volume
    labels = np.zeros(volume.shape, dtype=np.uint16)
    labels[3, 4, 5] = 300
    (tmp_path / "mask.nii.gz").write_bytes(nifti_bytes(labels, volume))
    assert SimpleITK.ReadImage(tmp_path / "mask.nii.gz")[5, 4, 3] == 300
