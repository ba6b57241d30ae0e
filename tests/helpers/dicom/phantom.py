"""Small synthetic heads with bright balls, and DICOM series of them in every shape that a scanner
or a mishap gives.

Values: air 0, head 300, lesions 1000. The patient is a canary: its name must never turn up in a
log, a message, a picture or a file name.
"""

import random
from collections.abc import Collection, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, generate_uid

from imaging.export.dicom.series import SeriesWords, series_instances, write_instance
from imaging.volume import Volume

CANARY_NAME = "CANARY^PATIENT"
CANARY_ID = "CANARY-ID-7"

AIR, HEAD, LESION = 0.0, 300.0, 1000.0
HEAD_RADII_MM = (62.0, 70.0, 66.0)


@dataclass(frozen=True, slots=True)
class Ball:
    """A round lesion; `centre_mm` is LPS, from the centre of the head."""

    centre_mm: tuple[float, float, float]
    radius_mm: float

    @property
    def volume_mm3(self) -> float:
        return 4 / 3 * np.pi * self.radius_mm**3


# Clear of each other and within 29 mm of the centre along each axis: in the slab of every plane.
BALLS = (
    Ball((20.0, 10.0, 8.0), 9.0),
    Ball((-20.0, -15.0, -10.0), 6.5),
    Ball((5.0, -22.0, 15.0), 5.0),
)


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """A volume, its true label volume (ball n has label n), and the balls."""

    volume: Volume
    labels: NDArray[np.uint16]
    balls: tuple[Ball, ...]


def plane_directions(plane: str) -> NDArray[np.float64]:
    """``(3, 3)``: unit LPS directions of the slice, row and column axes, as columns, as scanners
    write them.
    """
    x, y, z = np.eye(3)
    if plane == "axial":
        return np.stack([z, y, x], axis=1)
    if plane == "sagittal":
        return np.stack([-x, -z, y], axis=1)
    if plane == "coronal":
        return np.stack([y, -z, x], axis=1)
    if plane == "oblique":
        a, b = np.deg2rad(20), np.deg2rad(10)
        about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
        about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
        return np.asarray(about_z @ about_x @ plane_directions("axial"), dtype=np.float64)
    raise ValueError(f"plane must be axial, sagittal, coronal or oblique, got {plane}")


def grid_affine(
    shape: Sequence[int],
    spacing: Sequence[float],
    *,
    plane: str = "axial",
    centre: Sequence[float] = (4.0, -7.0, 11.0),
) -> NDArray[np.float64]:
    """Affine of a grid in a plane whose middle is at `centre`, LPS mm."""
    affine = np.eye(4)
    affine[:3, :3] = plane_directions(plane) * np.asarray(spacing)
    affine[:3, 3] = np.asarray(centre) - affine[:3, :3] @ ((np.asarray(shape) - 1) / 2)
    return affine


def head_with_lesions(
    shape: tuple[int, int, int] = (24, 64, 64),
    spacing: tuple[float, float, float] = (3.0, 2.5, 2.5),
    *,
    plane: str = "axial",
    balls: Sequence[Ball] = BALLS,
    seed: int = 0,
) -> Phantom:
    """An ellipsoid head with balls in it: whole numbers, a little noise outside the lesions."""
    affine = grid_affine(shape, spacing, plane=plane)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    centre = affine[:3, :3] @ ((np.asarray(shape) - 1) / 2) + affine[:3, 3]
    position = index @ affine[:3, :3].T + affine[:3, 3] - centre
    noise = np.random.default_rng(seed).integers(0, 12, size=shape)
    inside = np.square(position / np.asarray(HEAD_RADII_MM)).sum(axis=-1) <= 1.0
    voxels = (np.where(inside, HEAD, AIR) + noise).astype(np.float32)
    labels = np.zeros(shape, dtype=np.uint16)
    for number, ball in enumerate(balls, start=1):
        labels[np.linalg.norm(position - ball.centre_mm, axis=-1) <= ball.radius_mm] = number
    voxels[labels > 0] = LESION
    return Phantom(Volume(voxels, affine), labels, tuple(balls))


def uid(*words: object) -> str:
    """A UID made of words: the same words give the same one."""
    return str(generate_uid(entropy_srcs=[str(word) for word in ("metseg test", *words)]))


@dataclass(frozen=True, slots=True)
class Mishaps:
    """What goes wrong with a series on its way; slices are given by their index in slice order."""

    shuffled: bool = False
    missing: Collection[int] = ()
    duplicated: Collection[int] = ()  # written twice, byte for byte the same
    conflicting: Collection[int] = ()  # a second instance at the same place with other pixels
    same_uid_other_content: Collection[int] = ()  # the same SOPInstanceUID with other pixels


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a phantom is written. The UIDs follow from `name` unless they are given."""

    name: str = "study"
    study_uid: str = ""
    series_uid: str = ""
    description: str = "T1 MPRAGE +C"
    contrast_agent: str = "Gadobutrol"
    transfer_syntax: str = ExplicitVRLittleEndian
    mishaps: Mishaps = Mishaps()
    extra: dict[str, object] = field(default_factory=dict)

    def study(self) -> str:
        return self.study_uid or uid(self.name)

    def series(self) -> str:
        return self.series_uid or uid(self.name, self.description)


def instances_of(volume: Volume, recipe: Recipe) -> list[Dataset]:
    """The instances of a volume in slice order, uncompressed, without mishaps."""
    words = SeriesWords(
        description=recipe.description,
        contrast_agent=recipe.contrast_agent,
        patient_name=CANARY_NAME,
        patient_id=CANARY_ID,
        extra=recipe.extra,
    )
    return series_instances(
        volume, study_uid=recipe.study(), series_uid=recipe.series(), words=words
    )


def write_series(volume: Volume, directory: Path, recipe: Recipe | None = None) -> list[Path]:
    """Write a volume as a DICOM series with the mishaps of its recipe. Returns the paths in file
    name order.
    """
    recipe = recipe or Recipe()
    directory.mkdir(parents=True, exist_ok=True)
    datasets = _apply_mishaps(instances_of(volume, recipe), recipe.mishaps)
    if recipe.mishaps.shuffled:
        random.Random(7).shuffle(datasets)
    paths = []
    for number, dataset in enumerate(datasets):
        encode(dataset, recipe.transfer_syntax)
        paths.append(write_instance(dataset, directory / f"im{number:04d}.dcm"))
    return paths


def write_study(directory: Path, recipe: Recipe | None = None, **phantom: object) -> Phantom:
    """Write a head with lesions; `phantom` goes to `head_with_lesions`. Returns the phantom."""
    head = head_with_lesions(**phantom)  # type: ignore[arg-type]
    write_series(head.volume, directory, recipe)
    return head


def encode(dataset: Dataset, transfer_syntax: str) -> None:
    """Give an uncompressed dataset a transfer syntax, compressing its pixels where it must."""
    target = UID(transfer_syntax)
    if target.is_encapsulated:
        dataset.compress(target, generate_instance_uid=False)
    else:
        dataset.file_meta.TransferSyntaxUID = target
    if (
        target == ExplicitVRBigEndian and dataset.BitsAllocated == 16
    ):  # pydicom swaps all but pixels
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").byteswap().tobytes()


def _apply_mishaps(datasets: list[Dataset], mishaps: Mishaps) -> list[Dataset]:
    kept = [d for index, d in enumerate(datasets) if index not in mishaps.missing]
    kept += [deepcopy(datasets[index]) for index in mishaps.duplicated]
    for index in mishaps.conflicting:
        other = _inverted(datasets[index])
        other.SOPInstanceUID = uid(datasets[index].SOPInstanceUID, "conflicting")
        other.file_meta.MediaStorageSOPInstanceUID = other.SOPInstanceUID
        kept.append(other)
    kept += [_inverted(datasets[index]) for index in mishaps.same_uid_other_content]
    return kept


def _inverted(dataset: Dataset) -> Dataset:
    copy = deepcopy(dataset)
    copy.PixelData = bytes(
        255 - byte if i % 2 == 0 else byte for i, byte in enumerate(dataset.PixelData)
    )
    return copy
