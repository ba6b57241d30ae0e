import io
from collections.abc import Callable, Sequence

import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset

from imaging.dicom.series.completeness import missing_images


def instance(number: int | None = None, **values: object) -> Dataset:
    """A header as it is after reading: values are raw."""
    made = Dataset()
    if number is not None:
        made.InstanceNumber = number
    for keyword, value in values.items():
        setattr(made, keyword, value)
    content = io.BytesIO()
    dcmwrite(content, made, implicit_vr=False, little_endian=True, enforce_file_format=False)
    content.seek(0)
    return dcmread(content, force=True)


def numbered(numbers: Sequence[int | None], **values: object) -> list[Dataset]:
    return [instance(number, **values) for number in numbers]


@pytest.mark.parametrize(
    "numbers",
    [
        range(1, 156),
        range(155, 0, -1),
        range(20),
        [3, 1, 2, 4],
        [None, None, None],
        [1, 1, 1, 1],  # an anonymiser gave all the same
        [2, 2, 9],
        [None, 7, 8],
        [7],
    ],
)
def test_a_whole_series_and_meaningless_instance_numbers_make_no_warning(
    numbers: Sequence[int | None],
) -> None:
    assert missing_images(numbered(numbers), len(numbers)) == []


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        (range(2, 40), "InstanceNumber begins at 2: images before it may be missing"),
        (range(56, 156), "InstanceNumber begins at 56: "),
        ([1, 2, 4, 5], "InstanceNumber leaves out 1 of 1 to 5: "),
        (range(1, 40, 2), "InstanceNumber leaves out 19 of 1 to 39: "),  # 39 numbers, 20 are there
        ([*range(1, 10), 155], "InstanceNumber leaves out 145 of 1 to 155: "),
    ],
)
def test_instance_numbers_that_begin_late_or_have_gaps_make_a_warning(
    numbers: Sequence[int], told: str
) -> None:
    (warning,) = missing_images(numbered(numbers), len(numbers))
    assert warning.startswith(told)


@pytest.mark.parametrize(
    ("keyword", "value", "told"),
    [
        ("ImagesInAcquisition", 155, "ImagesInAcquisition promises 155 images, 100 are there"),
        ("NumberOfSeriesRelatedInstances", 101, "promises 101 images, 100 are there"),
        ("InConcatenationTotalNumber", 120, "promises 120 parts, 100 are there"),
    ],
)
def test_a_series_with_fewer_images_than_its_headers_promise_makes_a_warning(
    keyword: str, value: int, told: str
) -> None:
    (warning,) = missing_images(numbered(range(1, 101), **{keyword: value}), 100)
    assert told in warning
    assert missing_images(numbered(range(1, 101), **{keyword: 100}), 100) == []
    assert missing_images(numbered(range(1, 101), **{keyword: 50}), 100) == []


def test_one_header_that_promises_more_images_is_enough_for_a_warning() -> None:
    series = [*numbered(range(1, 10)), instance(10, ImagesInAcquisition=20)]
    (warning,) = missing_images(series, 10)
    assert "promises 20 images, 10 are there" in warning


def test_frames_of_one_enhanced_image_count_as_images() -> None:
    assert missing_images([instance(3, ImagesInAcquisition=155)], 155) == []


def test_parts_of_two_acquisitions_at_the_same_places_are_not_missing() -> None:
    series = numbered(range(1, 41), ImagesInAcquisition=40)
    assert missing_images(series, 20) == []


def philips(block: Dataset) -> None:
    block.private_block(0x2001, "Philips Imaging DD 001", create=True).add_new(0x18, "SL", 155)


def general_electric(block: Dataset) -> None:
    block.private_block(0x0021, "GEMS_RELA_01", create=True).add_new(0x4F, "SS", 155)


@pytest.mark.parametrize("promise", [philips, general_electric])
def test_slices_that_a_vendor_promises_in_its_own_element_are_counted(
    promise: Callable[[Dataset], None],
) -> None:
    series = numbered(range(1, 101))
    promise(series[0])
    (warning,) = missing_images(series, 100)
    assert "promises 155 slices, 100 are there" in warning
    assert missing_images(series, 155) == []


@pytest.mark.parametrize("nonsense", ["", "many", "1.5", "-3", "9" * 12])
def test_promised_counts_that_are_not_numbers_do_no_harm(nonsense: str) -> None:
    series = numbered(range(1, 5))
    series[0].add_new("ImagesInAcquisition", "IS", None)
    series[0]["ImagesInAcquisition"]._value = nonsense
    series[1].add_new("InstanceNumber", "IS", None)
    missing_images(series, 4)
    assert missing_images([], 0) == []


def test_images_that_were_left_out_of_the_volume_are_not_missing() -> None:
    """A phase before contrast agent lies between the slices of the one that was taken, and a
    screenshot has a number far away."""
    taken, beside = numbered(range(2, 49, 2)), numbered([*range(1, 48, 2), 999])
    assert missing_images(taken, 24, beside=beside) == []
    assert len(missing_images(taken, 24)) == 2  # begins at 2, leaves out 23
