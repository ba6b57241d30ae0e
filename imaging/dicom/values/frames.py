"""The frames of MR instances, single-frame or enhanced multi-frame, in one form."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.dicom.files.parsing import parsing
from imaging.dicom.values.functional_groups import FunctionalGroups
from imaging.dicom.values.moments import acquired_at
from imaging.dicom.values.raw_values import private_number, text, texts, whole_number
from imaging.words.contrast_words import names_agent
from metseg.errors import BlankImageError, GeometryError, SeriesError

FARTHEST_MM = 1e6
"""No scanner is that long, and beyond it the decimal strings of results cannot tell slices apart.
"""
_MOSAIC_GROUP = 0x0019
_ADMINISTERED = "ContrastBolusAgentAdministered"


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Where one frame is and how its stored values become real ones.

    `instance` indexes the instances given, `number` counts frames from 1 as DICOM does. `position`
    ``(3,)`` is the centre of the first voxel in LPS mm; `orientation` ``(6,)`` the directions along
    a row and along a column; `pixel_spacing` (row, column) in mm. `thickness` is 0 where it is not
    said; so are `slice_thickness`, the echo time in ms, the acquisition number, `instance_number`,
    which only single-frame images have, and `timing`: repetition and inversion time in ms, flip
    angle in degrees. `kind` is ImageType, or the FrameType of an enhanced image, and its
    ComplexImageComponent. `temporal` is the temporal position, and `agent` says whether contrast
    agent was given, None where it is not said; `acquired_at` is as `imaging.dicom.values.moments`
    gives it, empty where it is not said.
    """

    instance: int
    number: int
    position: NDArray[np.float64]
    orientation: NDArray[np.float64]
    pixel_spacing: tuple[float, float]
    told_slope: float | None
    told_intercept: float | None
    thickness: float
    kind: tuple[str, ...] = ()
    echo_time_ms: float = 0.0
    temporal: float | None = None
    acquisition: int = 0
    slice_thickness: float = 0.0
    agent: bool | None = None
    acquired_at: str = ""
    instance_number: int = 0
    timing: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def slope(self) -> float:
        """RescaleSlope; 1 where it is not said."""
        return 1.0 if self.told_slope is None else self.told_slope

    @property
    def intercept(self) -> float:
        """RescaleIntercept; 0 where it is not said."""
        return 0.0 if self.told_intercept is None else self.told_intercept


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
    sizes = {(whole_number(d, "Rows"), whole_number(d, "Columns")) for d in datasets}
    if len(sizes) > 1:
        raise SeriesError(f"slices must have one size in rows and columns, got {sorted(sizes)}")
    frames: list[Frame] = []
    for instance, dataset in enumerate(datasets):
        with parsing("an image header"):
            frames.extend(_frames(instance, dataset))
    _check_rescale(frames)
    return frames


def _check_rescale(frames: Sequence[Frame]) -> None:
    """A slope of 0 leaves nothing to see; and where only some frames say how they are rescaled, the
    values of the others are unknown.
    """
    if any(frame.slope == 0 for frame in frames):
        raise BlankImageError("RescaleSlope must not be 0: it makes all pixels one value")
    for name, unchanged, told in (
        ("RescaleSlope", 1.0, [frame.told_slope for frame in frames]),
        ("RescaleIntercept", 0.0, [frame.told_intercept for frame in frames]),
    ):
        silent = told.count(None)
        if silent and any(value not in (None, unchanged) for value in told):
            raise SeriesError(
                f"all slices must have a {name} or none, got {silent} of {len(frames)} without"
            )


def read_places(dataset: Dataset) -> list[Frame]:
    """The frames of one instance, whatever its pixels mean: those of a segmentation are not grey
    values.

    Raises
    ------
    SeriesError, GeometryError, DicomError
        As `read_frames`, but for colour.
    """
    with parsing("an image header"):
        if not (whole_number(dataset, "Rows") and whole_number(dataset, "Columns")):
            raise SeriesError("an instance must be an image with Rows and Columns")
        return list(_frames(0, dataset))


def is_multiframe(dataset: Dataset) -> bool:
    """Whether geometry is in functional groups (PS3.3 C.7.6.16) and not at the top level."""
    return "PerFrameFunctionalGroupsSequence" in dataset


def _check_kind(dataset: Dataset) -> None:
    if not (whole_number(dataset, "Rows") and whole_number(dataset, "Columns")):
        raise SeriesError("an instance must be an image with Rows and Columns")
    samples, photometric = (
        whole_number(dataset, "SamplesPerPixel", 1),
        text(dataset, "PhotometricInterpretation"),
    )
    if samples != 1 or photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise SeriesError("images must be grey: one sample per pixel, MONOCHROME1 or MONOCHROME2")
    if "ModalityLUTSequence" in dataset:
        raise SeriesError("images must be rescaled linearly, got a Modality LUT Sequence")
    kinds = texts(dataset, "ImageType")
    if "LOCALIZER" in kinds:
        raise SeriesError("series must not be a localiser, got ImageType with LOCALIZER")
    if "MOSAIC" in kinds or _tiles(dataset) > 1:
        raise SeriesError(
            "an image must show one slice, got a Siemens mosaic, whose tiles have no place of "
            "their own"
        )


def _tiles(dataset: Dataset) -> int:
    """NumberOfImagesInMosaic, (0019,xx0A) of SIEMENS MR HEADER (Siemens Numaris/4 conformance
    statement); 0 where it is not said.
    """
    return private_number(dataset, _MOSAIC_GROUP, "SIEMENS MR HEADER", 0x0A)


def _frames(instance: int, dataset: Dataset) -> Iterator[Frame]:
    if not is_multiframe(dataset):
        if whole_number(dataset, "NumberOfFrames", 1) > 1:
            raise SeriesError("frames of a multi-frame image must have functional groups")
        yield _frame(instance, 1, FunctionalGroups(dataset))
        return
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
    per_frame = dataset.PerFrameFunctionalGroupsSequence
    if len(per_frame) != int(dataset.NumberOfFrames):
        raise SeriesError(
            f"NumberOfFrames {dataset.NumberOfFrames} must be the length of "
            f"PerFrameFunctionalGroupsSequence, got {len(per_frame)}"
        )
    for number, own in enumerate(per_frame, start=1):
        yield _frame(instance, number, FunctionalGroups(dataset, own, shared))


def _frame(instance: int, number: int, groups: FunctionalGroups) -> Frame:
    position = _numbers(groups.get("PlanePositionSequence", "ImagePositionPatient"), 3)
    orientation = _numbers(groups.get("PlaneOrientationSequence", "ImageOrientationPatient"), 6)
    spacing = _numbers(groups.get("PixelMeasuresSequence", "PixelSpacing"), 2)
    if position is None or orientation is None or spacing is None:
        raise GeometryError(
            "a frame must have ImagePositionPatient, ImageOrientationPatient and PixelSpacing"
        )
    if np.abs(position).max() > FARTHEST_MM:
        raise GeometryError(f"ImagePositionPatient must be within {FARTHEST_MM:g} mm of its origin")
    if not (spacing > 0).all():
        raise GeometryError(f"PixelSpacing must be greater than 0, got {spacing.tolist()}")
    thickness = (
        groups.number("PixelMeasuresSequence", "SpacingBetweenSlices")
        or groups.number("PixelMeasuresSequence", "SliceThickness")
        or 0.0
    )
    return Frame(
        instance=instance,
        number=number,
        position=position,
        orientation=orientation,
        pixel_spacing=(float(spacing[0]), float(spacing[1])),
        told_slope=groups.rescale("RescaleSlope"),
        told_intercept=groups.rescale("RescaleIntercept"),
        thickness=abs(thickness),
        **_traits(groups),
    )


def _traits(groups: FunctionalGroups) -> dict[str, Any]:
    """What may tell two acquisitions under one series apart. The enhanced keyword comes first."""

    def said(sequence: str, *keywords: str) -> float | None:
        for keyword in keywords:
            found = groups.get(sequence, keyword)
            try:
                if len(found) == 1:
                    return float(found[0])
            except ValueError:
                continue
        return None

    def number(sequence: str, *keywords: str) -> float:
        return said(sequence, *keywords) or 0.0

    phase = said("FrameContentSequence", "TemporalPositionIndex", "TemporalPositionIdentifier")
    offset = said("TemporalPositionSequence", "TemporalPositionTimeOffset", "TriggerTime")
    kind = groups.get("MRImageFrameTypeSequence", "FrameType") or groups.top("ImageType")
    component = groups.get("MRImageFrameTypeSequence", "ComplexImageComponent")
    return {
        "kind": (*(value.upper() for value in (*kind, *component)), *groups.component_of_ge()),
        "echo_time_ms": number("MREchoSequence", "EffectiveEchoTime", "EchoTime"),
        "temporal": offset if phase is None else phase,
        "acquisition": int(
            number("FrameContentSequence", "FrameAcquisitionNumber", "AcquisitionNumber")
        ),
        "slice_thickness": abs(number("PixelMeasuresSequence", "SliceThickness")),
        "instance_number": int(number("", "InstanceNumber")) if groups.is_single else 0,
        "agent": _agent(groups),
        "timing": (
            number("MRTimingAndRelatedParametersSequence", "RepetitionTime"),
            number("MRModifierSequence", "InversionTimes", "InversionTime"),
            number("MRTimingAndRelatedParametersSequence", "FlipAngle"),
        ),
        "acquired_at": acquired_at(lambda name: groups.get("FrameContentSequence", name)),
    }


def _agent(groups: FunctionalGroups) -> bool | None:
    """Whether contrast agent was given for a frame (PS3.3 C.7.6.16.2.12), or is named in the
    header of a single-frame image. Of several agents one is enough.
    """
    said = {one.upper() for one in groups.all("ContrastBolusUsageSequence", _ADMINISTERED)}
    if said:
        return True if "YES" in said else False if "NO" in said else None
    named = groups.top("ContrastBolusAgent") if groups.is_single else ()
    return names_agent(" ".join(named)) if named else None


def _numbers(values: Sequence[str], count: int) -> NDArray[np.float64] | None:
    if len(values) != count:
        return None
    numbers = np.array([float(v) for v in values], dtype=np.float64)
    return numbers if np.isfinite(numbers).all() else None
