"""Series of real scanners read to the ground truth beside them, or are refused."""

import tarfile
from pathlib import Path

import nibabel
import numpy as np
import pytest

from imaging.dicom.series.series import check_spacing, read_series
from metseg.errors import GeometryError, SeriesError
from tests.helpers.data import require_data
from tests.helpers.world import assert_same_world

GROUND_TRUTH = [
    "ge/anatomical/001",
    "generic/anatomical/001",
    "generic/anatomical/002_non_isotropic",
    "generic/compressed_j2k/001",
    "generic/compressed_jpeg/001",
    "generic/compressed_jpegls/001",
    "generic/compressed_rle/001",
    "hitachi/anatomical/001",
    "hyperfine/anatomical/001",
    "philips/anatomical/001",
    "philips_enhanced/anatomical/001",
    "siemens/anatomical/001",
    "siemens_multiframe/anatomical/001",
]


def compare(folder: Path, truth: Path, *, minimum_slices: int = 4) -> None:
    volume, _ = read_series(list(folder.glob("*.dcm")), minimum_slices=minimum_slices)
    assert_same_world(volume, nibabel.load(truth))


@pytest.mark.data
@pytest.mark.parametrize("name", GROUND_TRUTH)
def test_series_of_real_scanners_match_their_ground_truth(name):
    root = require_data("dicom_qa")
    compare(root / name, root / f"{name}_ground_truth.nii.gz")


@pytest.mark.data
def test_a_real_single_slice_matches_its_ground_truth():
    root = require_data("dicom_qa/ge/anatomical")
    compare(
        root / "001_single_slice",
        root / "001_single_slice_ground_truth.nii.gz",
        minimum_slices=1,
    )


@pytest.mark.data
@pytest.mark.parametrize("name", ["ge/anatomical/001", "philips/anatomical/001"])
def test_a_series_in_implicit_vr_has_the_same_grid(name):
    root = require_data("dicom_qa")
    explicit, _ = read_series(list((root / name).glob("*.dcm")))
    implicit, _ = read_series(list((root / f"{name}_implicit").glob("*.dcm")))
    np.testing.assert_allclose(implicit.affine, explicit.affine)
    assert implicit.shape == explicit.shape


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "error", "rule"),
    [
        ("slicecount", SeriesError, "at least 4 slices, got 2"),
        (
            "sliceincrement",
            GeometryError,
            "5.000 mm is usual, got 10.000 mm between slices 2 and 3",
        ),
        ("sliceorientation", GeometryError, "one orientation"),
    ],
)
def test_series_of_real_scanners_that_make_no_volume_are_refused(name, error, rule):
    folder = require_data(f"dicom_qa/failing/{name}/001")
    with pytest.raises(error, match=rule):
        read_series(list(folder.glob("*.dcm")))


@pytest.mark.data
def test_a_real_vendor_series_is_read(tmp_path):
    archive = next(require_data("dicom").glob("uih_*.tar.gz"))
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    volume, source = read_series(sorted(tmp_path.rglob("*.dcm")))
    assert volume.shape == (160, 512, 460)
    assert volume.spacing == pytest.approx((1.0, 0.5, 0.5), abs=1e-4)
    assert source.warnings == ()
    assert check_spacing(volume) == []
