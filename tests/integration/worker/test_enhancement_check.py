"""The pictures of real series files are examined where headers leave a doubt."""

from functools import partial
from pathlib import Path

import numpy as np

from imaging.choice.choice import choose_series
from imaging.dicom.series.series import group_series
from imaging.volume import Volume
from tests.helpers.dicom.phantom import Recipe, head_with_lesions, write_series
from worker.study.enhancement_check import Checked, check_enhancement


def checked(folder: Path) -> Checked:
    series = group_series(sorted(folder.rglob("*.dcm")))
    choose = partial(choose_series, [one.facts for one in series], accept_any_t1=False)
    return check_enhancement(
        series, lambda enhancements: choose(enhancements=enhancements), any_t1=False
    )


def test_a_subtraction_under_the_name_of_a_t1_loses_against_its_source(tmp_path: Path) -> None:
    head = head_with_lesions().volume
    noise = np.random.default_rng(1).normal(100, 3, head.shape).astype(np.float32)
    difference = Volume(np.where(head.voxels > 800, 900, noise).astype(np.float32), head.affine)
    write_series(
        head, tmp_path / "a", Recipe(description="T1 MPRAGE +C", extra={"SeriesNumber": 3})
    )
    late = Recipe(description="T1 MPRAGE post", extra={"SeriesNumber": 4})
    write_series(difference, tmp_path / "b", late)
    found = checked(tmp_path)
    assert found.choice.chosen == Recipe(description="T1 MPRAGE +C").series()
    lost = found.choice.verdicts[1]
    assert "subtraction: in the picture the brain is as dark as the air" in lost.reasons_against
    assert found.picture is not None
    assert found.picture[1].series_instance_uid == found.choice.chosen
    assert found.warnings == ()


def test_the_later_of_two_alike_series_is_taken_with_a_warning(tmp_path: Path) -> None:
    head = head_with_lesions(balls=()).volume
    for clock, uid in (("100000", "1.2.31"), ("103000", "1.2.32")):
        times = {"AcquisitionDate": "20240102", "AcquisitionTime": clock}
        recipe = Recipe(description="T1 MPRAGE", series_uid=uid, extra=times)
        write_series(head, tmp_path / clock, recipe)
    found = checked(tmp_path)
    assert found.choice.chosen == "1.2.32"
    assert len(found.warnings) == 1
    assert "nothing certain says that the series was taken after" in found.warnings[0]


def test_a_series_that_cannot_be_read_is_left_to_the_segmentation(tmp_path: Path) -> None:
    head = head_with_lesions().volume
    files = write_series(head, tmp_path, Recipe(description="T1 MPRAGE +C"))
    files[len(files) // 2].unlink()
    found = checked(tmp_path)
    assert found.choice.chosen is not None
    assert found.picture is None
    assert found.warnings == ()
