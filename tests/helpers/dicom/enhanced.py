"""An enhanced multi-frame MR instance of a volume (PS3.3 A.36)."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedMRImageStorage

from imaging.export.dicom.series import write_instance
from imaging.volume import Volume
from tests.helpers.dicom.phantom import Recipe, encode, instances_of

_OF_A_SLICE = (
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    "SpacingBetweenSlices",
    "RescaleSlope",
    "RescaleIntercept",
    "TemporalPositionIdentifier",
)
"""What a multi-frame instance says in its functional groups instead."""


def write_enhanced(
    volume: Volume,
    path: Path,
    recipe: Recipe | None = None,
    *,
    order: Sequence[int] | None = None,
    before: Volume | None = None,
) -> Path:
    """Write all slices as frames of one instance, in slice order or in the `order` given. A stack
    that runs against its normal is numbered in the order of its frames. `before` is an earlier
    phase at the same places; its frames come first.
    """
    recipe = recipe or Recipe()
    slices = instances_of(volume, recipe)
    frames = [slices[z] for z in (order or range(len(slices)))]
    if list(order or ()) == list(range(len(slices)))[::-1]:
        for number, frame in enumerate(frames, start=1):
            frame.InstanceNumber = number
    if before is not None:
        earlier = instances_of(before, recipe)
        for phase, own in enumerate((earlier, frames), start=1):
            for frame in own:
                frame.TemporalPositionIdentifier = phase
        frames = earlier + frames
    image = deepcopy(frames[0])
    for keyword in _OF_A_SLICE:
        if keyword in image:
            del image[keyword]
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    image.NumberOfFrames = len(frames)
    image.SharedFunctionalGroupsSequence = [_shared(frames[0])]
    image.DimensionIndexSequence = [_in_stack()]
    image.PerFrameFunctionalGroupsSequence = [_own(frame) for frame in frames]
    image.PixelData = b"".join(frame.PixelData for frame in frames)
    encode(image, recipe.transfer_syntax)
    return write_instance(image, path)


def _in_stack() -> Dataset:
    """One dimension: the place in the stack (PS3.3 C.7.6.17)."""
    index = Dataset()
    index.DimensionOrganizationUID = "1.2.3.4.5"
    index.DimensionIndexPointer = tag_for_keyword("InStackPositionNumber")
    index.FunctionalGroupPointer = tag_for_keyword("FrameContentSequence")
    return index


def _shared(frame: Dataset) -> Dataset:
    measures, orientation, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = frame.PixelSpacing, frame.SliceThickness
    measures.SpacingBetweenSlices = frame.SpacingBetweenSlices
    orientation.ImageOrientationPatient = frame.ImageOrientationPatient
    shared.PixelMeasuresSequence = [measures]
    shared.PlaneOrientationSequence = [orientation]
    return shared


def _own(frame: Dataset) -> Dataset:
    position, values, content, own = Dataset(), Dataset(), Dataset(), Dataset()
    content.StackID = "1"
    content.InStackPositionNumber = content.DimensionIndexValues = frame.InstanceNumber
    position.ImagePositionPatient = frame.ImagePositionPatient
    values.RescaleSlope, values.RescaleIntercept = frame.RescaleSlope, frame.RescaleIntercept
    values.RescaleType = "US"
    if "TemporalPositionIdentifier" in frame:
        content.TemporalPositionIndex = frame.TemporalPositionIdentifier
    own.FrameContentSequence = [content]
    own.PlanePositionSequence = [position]
    own.PixelValueTransformationSequence = [values]
    return own


def shuffled(count: int) -> list[int]:
    """An order of frames that is not that of the slices."""
    return [int(z) for z in np.random.default_rng(3).permutation(count)]
