"""An enhanced multi-frame MR instance of a volume (PS3.3 A.36)."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedMRImageStorage

from imaging.export.series import write_instance
from imaging.volume import Volume
from tests.phantom import Recipe, instances_of


def write_enhanced(
    volume: Volume, path: Path, recipe: Recipe | None = None, *, order: Sequence[int] | None = None
) -> Path:
    """Write all slices as frames of one instance, in slice order or in the `order` given."""
    slices = instances_of(volume, recipe or Recipe())
    frames = [slices[z] for z in (order or range(len(slices)))]
    image = deepcopy(frames[0])
    for keyword in (
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "SliceThickness",
        "SpacingBetweenSlices",
        "RescaleSlope",
        "RescaleIntercept",
    ):
        del image[keyword]
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    image.NumberOfFrames = len(frames)
    image.SharedFunctionalGroupsSequence = [_shared(frames[0])]
    image.PerFrameFunctionalGroupsSequence = [_own(frame) for frame in frames]
    image.PixelData = b"".join(frame.PixelData for frame in frames)
    return write_instance(image, path)


def _shared(frame: Dataset) -> Dataset:
    measures, orientation, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = frame.PixelSpacing, frame.SliceThickness
    orientation.ImageOrientationPatient = frame.ImageOrientationPatient
    shared.PixelMeasuresSequence = [measures]
    shared.PlaneOrientationSequence = [orientation]
    return shared


def _own(frame: Dataset) -> Dataset:
    position, values, own = Dataset(), Dataset(), Dataset()
    position.ImagePositionPatient = frame.ImagePositionPatient
    values.RescaleSlope, values.RescaleIntercept = frame.RescaleSlope, frame.RescaleIntercept
    values.RescaleType = "US"
    own.PlanePositionSequence = [position]
    own.PixelValueTransformationSequence = [values]
    return own


def shuffled(count: int) -> list[int]:
    """An order of frames that is not that of the slices."""
    return [int(z) for z in np.random.default_rng(3).permutation(count)]
