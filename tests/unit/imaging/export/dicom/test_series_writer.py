"""An MR series that metseg writes is read by another toolkit at the same place."""

import numpy as np
import pydicom
import pytest

from imaging.dicom.series.series import read_series
from imaging.export.dicom.series import SeriesWords, write_series
from imaging.volume import Volume
from metseg.errors import BlankImageError
from tests.helpers.dicom.phantom import grid_affine, head_with_lesions, uid

PLANES = ["axial", "sagittal", "coronal", "oblique"]


@pytest.mark.parametrize("plane", PLANES)
def test_simpleitk_reads_the_values_of_a_written_series_at_the_same_places(tmp_path, plane):
    simpleitk = pytest.importorskip("SimpleITK")
    volume = head_with_lesions((6, 20, 22), (3.0, 2.0, 2.5), plane=plane).volume
    paths = write_series(volume, tmp_path, study_uid=uid("s"), series_uid=uid(plane))
    image = simpleitk.ReadImage([str(path) for path in paths])
    values = simpleitk.GetArrayFromImage(image)
    np.testing.assert_allclose(values, volume.voxels, atol=1e-3)
    for index in ((0, 0, 0), (5, 3, 7), (2, 19, 21)):
        place = image.TransformIndexToPhysicalPoint([int(i) for i in index[::-1]])
        np.testing.assert_allclose(place, volume.to_lps(np.array(index, float)), atol=1e-3)


def test_a_written_series_has_its_words_in_the_headers_and_stable_uids(tmp_path):
    volume = head_with_lesions((4, 16, 16)).volume
    words = SeriesWords(description="T1", contrast_agent="", extra={"EchoTime": 3.5})
    one = write_series(volume, tmp_path / "a", study_uid="1.2", series_uid="1.3", words=words)
    two = write_series(volume, tmp_path / "b", study_uid="1.2", series_uid="1.3", words=words)
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in two]
    dataset = pydicom.dcmread(one[0])
    assert (dataset.StudyInstanceUID, dataset.SeriesInstanceUID) == ("1.2", "1.3")
    assert (dataset.SeriesDescription, dataset.EchoTime) == ("T1", 3.5)
    assert "ContrastBolusAgent" not in dataset
    assert one[0].read_bytes()[:128] == bytes(128)


def test_a_slice_axis_against_the_normal_reads_back_turned(tmp_path):
    volume = head_with_lesions((6, 20, 22)).volume
    turned = Volume(volume.voxels[::-1].copy(), volume.affine.copy())
    turned.affine[:3, 3] = volume.to_lps(np.array([5.0, 0, 0]))
    turned.affine[:3, 0] *= -1
    read, _ = read_series(write_series(turned, tmp_path, study_uid="1.2", series_uid="1.3"))
    np.testing.assert_allclose(read.affine, volume.affine, atol=1e-5)
    np.testing.assert_allclose(read.voxels, volume.voxels)


def test_a_sheared_volume_cannot_be_written(tmp_path):
    affine = grid_affine((4, 16, 16), (3, 1, 1))
    affine[0, 0] = 1.0
    with pytest.raises(ValueError, match="perpendicular"):
        write_series(
            Volume(np.zeros((4, 16, 16), np.float32), affine),
            tmp_path,
            study_uid="1.2",
            series_uid="1.3",
        )


def test_a_volume_of_one_slice_is_written(tmp_path):
    volume = Volume(np.full((4, 8, 8), -0.5, np.float32), grid_affine((4, 8, 8), (3, 1, 1)))
    written = write_series(volume, tmp_path, study_uid="1.2", series_uid="1.3")
    with pytest.raises(BlankImageError, match=r"voxels must differ, got -0\.5 in all of them"):
        read_series(written)
