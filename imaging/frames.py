"""The frames of MR instances, single-frame or enhanced multi-frame, in one form."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.parsing import parsing
from metseg.errors import GeometryError, SeriesError


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Where one frame is and how its stored values become real ones.

    `instance` indexes the instances given, `number` counts frames from 1 as DICOM does. `position`
    ``(3,)`` is the centre of the first voxel in LPS mm; `orientation` ``(6,)`` the directions along
    a row and along a column; `pixel_spacing` (row, column) in mm. `thickness` is 0 where it is not
    said.
    """

    instance: int
    number: int
    position: NDArray[np.float64]
    orientation: NDArray[np.float64]
    pixel_spacing: tuple[float, float]
    slope: float
    intercept: float
    thickness: float


def read_frames(datasets: Sequence[Dataset]) -> list[Frame]:
    """All frames of the instances of a series, in the order given.

    Raises
    ------
    SeriesError
        Colour, a lookup table, frames of different size, a localiser.
    GeometryError
        A frame without position, orientation or spacing.
    DicomError
        Values that are not what their tags say.
    """
    for dataset in datasets:
        with parsing("an image header"):
            _check_kind(dataset)
    sizes = {(int(d.Rows), int(d.Columns)) for d in datasets}
    if len(sizes) > 1:
        raise SeriesError(f"slices must have one size in rows and columns, got {sorted(sizes)}")
    frames: list[Frame] = []
    for instance, dataset in enumerate(datasets):
        with parsing("an image header"):
            frames.extend(_frames(instance, dataset))
    return frames


def is_multiframe(dataset: Dataset) -> bool:
    """Whether geometry is in functional groups (PS3.3 C.7.6.16) and not at the top level."""
    return "PerFrameFunctionalGroupsSequence" in dataset


def _check_kind(dataset: Dataset) -> None:
    if not (dataset.get("Rows") and dataset.get("Columns")):
        raise SeriesError("an instance must be an image with Rows and Columns")
    samples, photometric = (
        dataset.get("SamplesPerPixel", 1),
        dataset.get("PhotometricInterpretation"),
    )
    if samples != 1 or photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise SeriesError("images must be grey: one sample a pixel, MONOCHROME1 or MONOCHROME2")
    if "ModalityLUTSequence" in dataset:
        raise SeriesError("images must be rescaled linearly, got a Modality LUT Sequence")
    if "LOCALIZER" in (dataset.get("ImageType") or ()):
        raise SeriesError("series must not be a localiser, got ImageType with LOCALIZER")


def _frames(instance: int, dataset: Dataset) -> Iterator[Frame]:
    if not is_multiframe(dataset):
        if int(dataset.get("NumberOfFrames") or 1) > 1:
            raise SeriesError("frames of a multi-frame image must have functional groups")
        yield _frame(instance, 1, _Groups(dataset))
        return
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
    per_frame = dataset.PerFrameFunctionalGroupsSequence
    if len(per_frame) != int(dataset.NumberOfFrames):
        raise SeriesError(
            f"NumberOfFrames {dataset.NumberOfFrames} must be the length of "
            f"PerFrameFunctionalGroupsSequence, got {len(per_frame)}"
        )
    for number, own in enumerate(per_frame, start=1):
        yield _frame(instance, number, _Groups(dataset, own, shared))


class _Groups:
    """Looks a value up in a frame's own groups, then in the shared ones; a single-frame image has
    it on top.
    """

    def __init__(self, dataset: Dataset, *groups: Dataset) -> None:
        self._dataset = dataset
        self._groups = groups

    def get(self, sequence: str, keyword: str) -> Any:
        if not self._groups:
            return self._dataset.get(keyword)
        for group in self._groups:
            items = group.get(sequence)
            if items and items[0].get(keyword) is not None:
                return items[0].get(keyword)
        return None


def _frame(instance: int, number: int, groups: _Groups) -> Frame:
    position = _numbers(groups.get("PlanePositionSequence", "ImagePositionPatient"), 3)
    orientation = _numbers(groups.get("PlaneOrientationSequence", "ImageOrientationPatient"), 6)
    spacing = _numbers(groups.get("PixelMeasuresSequence", "PixelSpacing"), 2)
    if position is None or orientation is None or spacing is None:
        raise GeometryError(
            "a frame must have ImagePositionPatient, ImageOrientationPatient and PixelSpacing"
        )
    if not (spacing > 0).all():
        raise GeometryError(f"PixelSpacing must be greater than 0, got {spacing.tolist()}")
    slope = groups.get("PixelValueTransformationSequence", "RescaleSlope")
    intercept = groups.get("PixelValueTransformationSequence", "RescaleIntercept")
    thickness = (
        groups.get("PixelMeasuresSequence", "SpacingBetweenSlices")
        or groups.get("PixelMeasuresSequence", "SliceThickness")
        or 0.0
    )
    return Frame(
        instance=instance,
        number=number,
        position=position,
        orientation=orientation,
        pixel_spacing=(float(spacing[0]), float(spacing[1])),
        slope=1.0 if slope in (None, "") else float(slope),
        intercept=0.0 if intercept in (None, "") else float(intercept),
        thickness=abs(float(thickness)),
    )


def _numbers(value: Any, count: int) -> NDArray[np.float64] | None:
    if value is None or value == "" or len(value) != count:
        return None
    numbers = np.array([float(v) for v in value], dtype=np.float64)
    return numbers if np.isfinite(numbers).all() else None
