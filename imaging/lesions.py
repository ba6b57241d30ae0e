"""From a probability volume to numbered lesions."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import cc3d
import numpy as np
from numpy.typing import NDArray

from imaging.diameters import axial_diameters
from imaging.volume import Volume

# RANO-BM (Lin 2015, Lancet Oncol 16:e270): measurable from 10 mm by 5 mm.
MEASURABLE_LONGEST_MM = 10.0
MEASURABLE_PERPENDICULAR_MM = 5.0

CONNECTIVITY: Final = 26  # BraTS-METS counts lesions so


@dataclass(frozen=True, slots=True)
class LesionRule:
    """What is called a lesion.

    Parameters
    ----------
    seed_threshold
        A lesion holds at least one voxel of this probability, (0, 1].
    grow_threshold
        And spreads to connected voxels of this one, (0, seed_threshold].
    minimum_volume_mm3
        Smaller components are dropped.
    minimum_slices
        A lesion shows in at least this many native slices; vessels cut across often show in one.

    Raises
    ------
    ValueError
        A value is out of its range.
    """

    seed_threshold: float = 0.5
    grow_threshold: float = 0.5
    minimum_volume_mm3: float = 20.0
    minimum_slices: int = 2

    def __post_init__(self) -> None:
        if not 0.0 < self.grow_threshold <= self.seed_threshold <= 1.0:
            raise ValueError(
                "thresholds must satisfy 0 < grow_threshold <= seed_threshold <= 1, got "
                f"grow_threshold {self.grow_threshold}, seed_threshold {self.seed_threshold}"
            )
        if self.minimum_volume_mm3 < 0.0:
            raise ValueError(f"minimum_volume_mm3 must be >= 0, got {self.minimum_volume_mm3}")
        if self.minimum_slices < 1:
            raise ValueError(f"minimum_slices must be >= 1, got {self.minimum_slices}")


@dataclass(frozen=True, slots=True)
class Lesion:
    """One lesion, numbered from 1 by falling volume.

    `slice_index` is the native slice where it covers most voxels. Diameters are those of
    `imaging.diameters.axial_diameters`. `centroid_lps_mm` is (x, y, z), the mean of voxel centres.
    """

    number: int
    voxel_count: int
    volume_mm3: float
    longest_diameter_mm: float
    perpendicular_diameter_mm: float
    centroid_lps_mm: tuple[float, float, float]
    mean_probability: float
    max_probability: float
    measurable: bool
    slice_index: int


class DropReason(StrEnum):
    """Why a candidate is no lesion."""

    NO_SEED = "no voxel reaches the seed threshold"
    TOO_SMALL = "smaller than the minimum volume"
    TOO_FEW_SLICES = "in fewer slices than the minimum"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A candidate that the rule refused."""

    reason: DropReason
    voxel_count: int
    volume_mm3: float
    centroid_lps_mm: tuple[float, float, float]
    max_probability: float


@dataclass(frozen=True, slots=True, eq=False)
class _Component:
    """A connected component: its box in the volume, its mask and probabilities in that box."""

    box: tuple[slice, slice, slice]
    mask: NDArray[np.bool_]
    probabilities: NDArray[np.float32]
    volume: Volume

    @property
    def voxel_count(self) -> int:
        return int(np.count_nonzero(self.mask))

    @property
    def volume_mm3(self) -> float:
        return self.voxel_count * self.volume.voxel_volume_mm3

    @property
    def max_probability(self) -> float:
        return float(self.probabilities[self.mask].max())

    @property
    def centroid_lps_mm(self) -> tuple[float, float, float]:
        corner = np.array([s.start for s in self.box], dtype=np.float64)
        index = np.argwhere(self.mask).mean(axis=0) + corner
        x, y, z = self.volume.to_lps(index)
        return float(x), float(y), float(z)


def find_lesions(
    mean: NDArray[np.float32], volume: Volume, rule: LesionRule
) -> tuple[NDArray[np.uint16], list[Lesion], list[Dropped]]:
    """Number the lesions of a probability volume.

    Components of voxels at or above the grow threshold, joined over 26 neighbours, that hold a
    seed, are large enough and show in enough slices.

    Parameters
    ----------
    mean
        ``(Z, H, W)`` in [0, 1] on the grid of `volume`. Left as it was.

    Returns
    -------
    Labels ``(Z, H, W)``, 0 where there is no lesion, the lesions from the largest on (ties in
    raster order), and the candidates that were dropped. A component without a seed counts as a
    candidate only if it meets the rest of the rule.

    Raises
    ------
    ValueError
        `mean` is not on the grid of `volume`, or is not finite and in [0, 1].
    """
    _check_probabilities(mean, volume)
    kept: list[_Component] = []
    dropped: list[Dropped] = []
    for component in _components(mean, volume, rule.grow_threshold):
        reason = _refusal(component, rule)
        if reason is None:
            kept.append(component)
        elif reason is not DropReason.NO_SEED or _is_lesion_sized(component, rule):
            dropped.append(_drop(component, reason))
    kept.sort(key=lambda component: -component.voxel_count)
    labels = np.zeros(mean.shape, dtype=np.uint16)
    for number, component in enumerate(kept, start=1):
        labels[component.box][component.mask] = number
    return labels, [_lesion(n, component) for n, component in enumerate(kept, start=1)], dropped


def _check_probabilities(mean: NDArray[np.float32], volume: Volume) -> None:
    if mean.shape != volume.shape:
        raise ValueError(f"mean must have the shape of volume {volume.shape}, got {mean.shape}")
    if mean.size and not (float(mean.min()) >= 0.0 and float(mean.max()) <= 1.0):
        raise ValueError(f"mean must be in [0, 1], got {mean.min()} to {mean.max()}")


def _components(
    mean: NDArray[np.float32], volume: Volume, threshold: float
) -> Iterator[_Component]:
    labels, count = cc3d.connected_components(
        mean >= np.float32(threshold), connectivity=CONNECTIVITY, return_N=True
    )
    if count == 0:
        return
    boxes = cc3d.statistics(labels)["bounding_boxes"]
    for label in range(1, count + 1):
        box = boxes[label]
        yield _Component(box, labels[box] == label, mean[box], volume)


def _refusal(component: _Component, rule: LesionRule) -> DropReason | None:
    if component.max_probability < np.float32(rule.seed_threshold):
        return DropReason.NO_SEED
    if component.volume_mm3 < rule.minimum_volume_mm3:
        return DropReason.TOO_SMALL
    if component.mask.shape[0] < rule.minimum_slices:
        return DropReason.TOO_FEW_SLICES
    return None


def _is_lesion_sized(component: _Component, rule: LesionRule) -> bool:
    return (
        component.volume_mm3 >= rule.minimum_volume_mm3
        and component.mask.shape[0] >= rule.minimum_slices
    )


def _drop(component: _Component, reason: DropReason) -> Dropped:
    return Dropped(
        reason=reason,
        voxel_count=component.voxel_count,
        volume_mm3=component.volume_mm3,
        centroid_lps_mm=component.centroid_lps_mm,
        max_probability=component.max_probability,
    )


def _lesion(number: int, component: _Component) -> Lesion:
    longest, perpendicular = axial_diameters(component.mask, component.volume.affine)
    return Lesion(
        number=number,
        voxel_count=component.voxel_count,
        volume_mm3=component.volume_mm3,
        longest_diameter_mm=longest,
        perpendicular_diameter_mm=perpendicular,
        centroid_lps_mm=component.centroid_lps_mm,
        mean_probability=float(component.probabilities[component.mask].mean(dtype=np.float64)),
        max_probability=component.max_probability,
        measurable=longest >= MEASURABLE_LONGEST_MM
        and perpendicular >= MEASURABLE_PERPENDICULAR_MM,
        slice_index=component.box[0].start + int(component.mask.sum(axis=(1, 2)).argmax()),
    )
