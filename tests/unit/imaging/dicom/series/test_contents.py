"""Slices whose content can hardly be as it was scanned."""

import numpy as np
import pytest

from imaging.dicom.series.contents import slice_warnings
from imaging.dicom.series.series import read_series
from metseg.errors import SeriesError
from tests.helpers.dicom.phantom import Recipe, head_with_lesions, instances_of, write_instance

SHAPE, SPACING = (16, 40, 44), (4.0, 3.5, 3.4)


@pytest.fixture
def voxels() -> np.ndarray:
    return head_with_lesions(SHAPE, SPACING).volume.voxels.copy()


def test_a_head_has_no_odd_slices(voxels):
    assert slice_warnings(voxels) == []
    padded = np.concatenate([voxels[:1] * 0, voxels, voxels[:2] * 0])
    assert slice_warnings(padded) == []  # blank at the ends only


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda v: np.copyto(v[6:8], 0), "2 slices (6, 7, counted from 0) hold one value"),
        (lambda v: np.copyto(v[6], v[7]), "1 slices hold the same pixels as another one"),
        (lambda v: np.add(v[6], 1024, out=v[6]), "1 slices (6, counted from 0) are far brighter"),
        (lambda v: np.multiply(v[::2], 3, out=v[::2]), "4 more, counted from 0) are far brighter"),
    ],
    ids=["blank", "twice", "another intercept", "every second scaled"],
)
def test_slices_that_do_not_fit_the_others_make_a_warning(voxels, spoil, said):
    spoil(voxels)
    assert said in "; ".join(slice_warnings(voxels))


@pytest.mark.parametrize(("keyword", "value"), [("RescaleIntercept", -50), ("RescaleSlope", 2)])
def test_slices_that_do_not_say_how_they_are_rescaled_are_refused(tmp_path, keyword, value):
    head = head_with_lesions(SHAPE, SPACING)
    paths = []
    for number, dataset in enumerate(instances_of(head.volume, Recipe())):
        setattr(dataset, keyword, value)
        if number % 5 == 0:
            delattr(dataset, keyword)
        paths.append(write_instance(dataset, tmp_path / f"{number}.dcm"))
    with pytest.raises(SeriesError, match=f"{keyword} or none, got 4 of 16 without"):
        read_series(paths)
