"""The same voxels at the same patient millimetres as dcm2niix reads, for real and generated
series.
"""

import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imaging.dicom.series.series import read_series
from imaging.export.dicom.series import SeriesWords, series_instances, write_instance
from imaging.volume import Volume
from tests.helpers.data import require_data
from tests.helpers.dicom.enhanced import write_enhanced
from tests.helpers.dicom.phantom import head_with_lesions, plane_directions
from tests.helpers.world import assert_same_world, convert

REAL = [
    "ge/anatomical/001",
    "ge/anatomical/001_implicit",
    "ge/anatomical/001_single_slice",
    "generic/anatomical/001",
    "generic/anatomical/002_non_isotropic",
    "generic/compressed_j2k/001",
    "generic/compressed_jpeg/001",
    "generic/compressed_jpegls/001",
    "generic/compressed_rle/001",
    "hitachi/anatomical/001",
    "hyperfine/anatomical/001",
    "philips/anatomical/001",
    "philips/anatomical/001_implicit",
    "philips_enhanced/anatomical/001",
    "siemens/anatomical/001",
    "siemens_multiframe/anatomical/001",
]
# Each slice has a slope of its own; dcm2niix takes the first one for all. The ground truth of the
# data set, which is ours, follows the standard.
OWN_SLOPES = "generic/anatomical/002_non_isotropic"


@pytest.mark.data
@pytest.mark.parametrize("name", REAL)
def test_real_series_are_read_as_dcm2niix_reads_them(tmp_path, name):
    folder = require_data(f"dicom_qa/{name}")
    volume, source = read_series(list(folder.glob("*.dcm")), minimum_slices=1)
    if name == OWN_SLOPES:
        stored, first = volume.voxels.copy(), source.datasets[source.slices[0][0]]
        for z, (instance, _) in enumerate(source.slices):
            dataset = source.datasets[instance]
            stored[z] = np.rint((stored[z] - dataset.RescaleIntercept) / dataset.RescaleSlope)
        voxels = stored * np.float32(first.RescaleSlope) + np.float32(first.RescaleIntercept)
        volume = Volume(voxels, volume.affine)
    (image,) = convert(folder, tmp_path / "niix")
    assert_same_world(volume, image)


def rotation(axis: np.ndarray, angle: float) -> np.ndarray:
    """Rodrigues' formula."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def turned(plane: str, axis: tuple[float, float, float], degrees: float, spacing, shape) -> Volume:
    """A small volume of different values in a plane turned about any axis."""
    affine = np.eye(4)
    turn = rotation(np.asarray(axis), np.deg2rad(degrees))
    affine[:3, :3] = turn @ plane_directions(plane) * np.asarray(spacing)
    affine[:3, 3] = [-31.25, 12.5, 40.125]
    voxels = np.arange(np.prod(shape), dtype=np.float32).reshape(shape) % 4001
    return Volume(voxels, affine)


def write(volume: Volume, folder, *, numbered_backwards: bool) -> None:
    """A series whose instance numbers may run against the normal of its plane."""
    folder.mkdir(parents=True)
    datasets = series_instances(
        volume, study_uid="1.2.3", series_uid="1.2.3.4", words=SeriesWords()
    )
    for number, dataset in enumerate(datasets):
        if numbered_backwards:
            dataset.InstanceNumber = len(datasets) - number
        write_instance(dataset, folder / f"{number}.dcm")


PLANES = ["axial", "sagittal", "coronal"]
directions = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1)
spacings = st.tuples(*[st.floats(0.4, 5.0)] * 3)


@given(
    plane=st.sampled_from(PLANES),
    axis=directions,
    degrees=st.sampled_from([0.0, 0.0, 3.0, 25.0, 44.0]) | st.floats(0, 60),
    spacing=spacings,
    backwards=st.booleans(),
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_generated_series_of_every_plane_and_obliquity_are_read_as_dcm2niix_reads_them(
    tmp_path, plane, axis, degrees, spacing, backwards
):
    volume = turned(plane, axis, degrees, spacing, (5, 12, 10))
    folder = tmp_path / "series"
    shutil.rmtree(tmp_path / "niix", ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    write(volume, folder, numbered_backwards=backwards)
    read, _ = read_series(list(folder.iterdir()))
    np.testing.assert_allclose(read.affine, volume.affine, atol=1e-4)
    (image,) = convert(folder, tmp_path / "niix")
    assert_same_world(read, image)


@pytest.mark.parametrize("order", [range(6), range(5, -1, -1)], ids=["along", "against"])
@pytest.mark.parametrize("plane", [*PLANES, "oblique"])
def test_enhanced_images_are_read_as_dcm2niix_reads_them(tmp_path, plane, order):
    """Frames along or against their normal; out of order, dcm2niix itself misplaces them."""
    volume = head_with_lesions((6, 34, 32), (2.0, 1.5, 0.9), plane=plane).volume
    (tmp_path / "in").mkdir()
    path = write_enhanced(volume, tmp_path / "in" / "one.dcm", order=order)
    read, _ = read_series([path])
    (image,) = convert(tmp_path / "in", tmp_path / "niix")
    assert_same_world(read, image)


def test_a_left_handed_volume_comes_back_the_right_way_round(tmp_path):
    """Slices written against row x column: sorting along the normal reverses them."""
    head = head_with_lesions((6, 34, 32), (2.0, 1.5, 0.9), plane="coronal").volume
    backwards = np.diag([-1.0, 1.0, 1.0, 1.0])
    backwards[0, 3] = 5
    left = Volume(head.voxels[::-1], head.affine @ backwards)
    assert np.linalg.det(left.affine[:3, [2, 1, 0]]) < 0
    write(left, tmp_path / "series", numbered_backwards=False)
    read, _ = read_series(list((tmp_path / "series").iterdir()))
    np.testing.assert_allclose(read.affine, head.affine, atol=1e-4)
    np.testing.assert_array_equal(read.voxels, head.voxels)
    (image,) = convert(tmp_path / "series", tmp_path / "niix")
    assert_same_world(read, image)
