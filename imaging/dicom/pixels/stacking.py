"""The pixels of the frames of one volume, stacked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.dicom.files.headers import InstanceHeader
from imaging.dicom.pixels.padding import padding_of
from imaging.dicom.pixels.pixels import read_pixels, rescale
from imaging.dicom.values.frames import Frame
from metseg.errors import GeometryError


@dataclass(slots=True, eq=False)
class Stacked:
    """Voxels ``(Z, H, W)`` of decoded files, which of them are declared padding, and how many
    pixels of the files do not fit into BitsStored.
    """

    voxels: NDArray[np.float32]
    padded: NDArray[np.bool_] | None = None
    unfit: int = 0

    def put(self, z: int, values: NDArray[np.float32], padded: NDArray[np.bool_] | None) -> None:
        self.voxels[z] = values
        if padded is not None and padded.any():
            if self.padded is None:
                self.padded = np.zeros(self.voxels.shape, dtype=np.bool_)
            self.padded[z] = padded


def stack_pixels(
    files: Sequence[tuple[Path, InstanceHeader]],
    datasets: Sequence[Dataset],
    places: Sequence[Sequence[Frame]],
) -> tuple[Stacked, list[Frame]]:
    """Decode each file once, and put its frames in their slices; at one place the first frame
    stays.

    Raises `GeometryError` where two frames at one place differ.
    """
    shape = len(places), int(datasets[0].Rows), int(datasets[0].Columns)
    stacked = Stacked(np.empty(shape, dtype=np.float32))
    kept: dict[int, Frame] = {}
    slices: dict[int, list[tuple[int, Frame]]] = {}
    for z, place in enumerate(places):
        for frame in place:
            slices.setdefault(frame.instance, []).append((z, frame))
    values = np.empty(shape[1:], np.float32)
    for instance in sorted(slices):
        last = max(frame.number for _, frame in slices[instance])
        stored = read_pixels(*files[instance], datasets[instance], last_frame=last)
        stacked.unfit += stored.unfit
        for z, frame in slices[instance]:
            rescale(stored.values[frame.number - 1], frame, values)
            if kept.setdefault(z, frame) is frame:
                padded = None if stored.padded is None else stored.padded[frame.number - 1]
                stacked.put(z, values, padded)
            elif not np.array_equal(stacked.voxels[z], values):
                raise GeometryError(
                    "slices must have places of their own, "
                    f"got two different ones at slice {z} of {len(places)}"
                )
    _mark_real_padding(stacked, datasets[0], list(kept.values()))
    return stacked, [kept[z] for z in range(len(places))]


def _mark_real_padding(stacked: Stacked, dataset: Dataset, frames: Sequence[Frame]) -> None:
    """Mark padding that was written as a real value: no stored value is padding."""
    declared = padding_of(dataset)
    if declared is None or stacked.padded is not None:
        return
    if any((frame.slope, frame.intercept) != (1.0, 0.0) for frame in frames):
        marked = declared.marks_real(stacked.voxels)
        stacked.padded = marked if marked.any() else None


def brighten(stacked: Stacked) -> None:
    """Mirror MONOCHROME1, in place, between the least and greatest value that is not padding."""
    voxels = stacked.voxels
    real = voxels if stacked.padded is None or stacked.padded.all() else voxels[~stacked.padded]
    ends = real.min() + real.max()
    np.subtract(ends, voxels, out=voxels)


def unfit_warnings(stacked: Stacked) -> tuple[str, ...]:
    if not stacked.unfit:
        return ()
    return (f"{stacked.unfit} pixels hold bits above BitsStored, which are left out (PS3.5 8.1.1)",)
