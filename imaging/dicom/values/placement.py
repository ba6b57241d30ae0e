"""Where the slices of a series lie, by their headers alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydicom.dataset import Dataset

from imaging.dicom.values.frames import Frame
from imaging.planes import MainPlane, nearest_plane

SAME_PLACE_MM = 1e-2
SAME_DIRECTION = 1e-2  # of a direction cosine
OBLIQUE_DEG = 30.0  # a plane leaning more is named oblique; heads are often tilted by 20

Plane = MainPlane | Literal["oblique"]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where slices lie in the patient.

    `places` counts different positions along the normal and `planes` different orientations;
    `spacing_mm` is the usual distance between places, None with a single one; `cover_mm` what the
    slices cover along the normal.
    """

    plane: Plane
    planes: int
    places: int
    images: int
    spacing_mm: float | None
    cover_mm: float


def placement_of(datasets: Sequence[Dataset]) -> Placement | None:
    """The placement of the frames of single-frame or enhanced images; None where it is not said."""
    return _placement([one for dataset in datasets for one in _frames(dataset)])


def placement_of_frames(frames: Sequence[Frame]) -> Placement | None:
    """The placement of frames that are read already."""
    return _placement([(frame.position, frame.orientation) for frame in frames])


def _placement(found: Sequence[tuple[ArrayLike, ArrayLike]]) -> Placement | None:
    if not found:
        return None
    positions = np.array([position for position, _ in found])
    directions = np.array([direction for _, direction in found])
    normals = np.cross(directions[:, :3], directions[:, 3:])
    lengths = np.linalg.norm(normals, axis=1)
    if not (lengths > 0.5).all():  # the two directions are not at a right angle
        return None
    normals /= lengths[:, None]
    alike = np.abs(normals @ normals[0]) > 1 - SAME_DIRECTION
    planes = 1 + _others(normals[~alike])
    along = np.sort(positions[alike] @ normals[0])
    gaps = np.diff(along)
    steps = gaps[gaps > SAME_PLACE_MM]
    spacing = float(np.median(steps)) if steps.size else None
    return Placement(
        plane=_plane(normals[0]),
        planes=planes,
        places=int(steps.size) + 1,
        images=len(along),
        spacing_mm=None if spacing is None else round(spacing, 4),
        cover_mm=round(float(along[-1] - along[0]) + (spacing or 0.0), 3),
    )


def _others(normals: NDArray[np.float64]) -> int:
    """How many different directions there are among these."""
    count = 0
    while len(normals):
        normals = normals[np.abs(normals @ normals[0]) <= 1 - SAME_DIRECTION]
        count += 1
    return count


def _plane(normal: NDArray[np.float64]) -> Plane:
    nearest, cosine = nearest_plane(normal)
    return "oblique" if cosine < np.cos(np.deg2rad(OBLIQUE_DEG)) else nearest


def _frames(dataset: Dataset) -> Iterator[tuple[list[float], list[float]]]:
    """Position and direction of each frame that says them."""
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
    own_groups = dataset.get("PerFrameFunctionalGroupsSequence") or [None]
    for own in own_groups:
        places = [dataset] if own is None else [own, shared]
        position = _numbers(places, "PlanePositionSequence", "ImagePositionPatient", 3)
        direction = _numbers(places, "PlaneOrientationSequence", "ImageOrientationPatient", 6)
        if position and direction:
            yield position, direction


def _numbers(
    places: Sequence[Dataset], sequence: str, keyword: str, count: int
) -> list[float] | None:
    for place in places:
        for holder in (place, *(place.get(sequence) or ())[:1]):
            value = holder.get(keyword)
            if value is None or value == "" or len(value) != count:
                continue
            numbers = [float(v) for v in value]
            if np.isfinite(numbers).all():
                return numbers
    return None
