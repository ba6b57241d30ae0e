"""Connected components of a probability volume, and their features in three dimensions.

Vessels are long; dura and sinuses are flat and lie at the brain's edge; lesions are round and
brighter than their surroundings.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.boxes import widened
from imaging.connected import connected
from imaging.volume import Volume

# The surroundings of a candidate lie between these distances from it.
SHELL_MM: Final = (1.5, 4.5)
_CONTRAST_LIMIT: Final = 3.0
_TINY: Final = 1e-4

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What is known about a volume, all ``(Z, H, W)`` on its grid, probabilities in [0, 1].

    Parameters
    ----------
    mean
        Probability of lesion, mean of the members.
    members
        The same for each member; may be empty.
    brain
        Probability of brain, or None when no network gives it.

    Raises
    ------
    ValueError
        A shape is not that of `volume`, or `mean` is not finite and in [0, 1].
    """

    volume: Volume
    mean: NDArray[np.float32]
    members: Sequence[NDArray[np.float32]] = ()
    brain: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        wanted = self.volume.shape
        maps = [self.mean, *self.members, *([] if self.brain is None else [self.brain])]
        for found in maps:
            if found.shape != wanted:
                raise ValueError(f"mean must have the shape of volume {wanted}, got {found.shape}")
        low, high = (float(f(self.mean)) if self.mean.size else 0.0 for f in (np.min, np.max))
        if not (low >= 0.0 and high <= 1.0):
            raise ValueError(f"mean must be in [0, 1], got {low} to {high}")


@dataclass(frozen=True, eq=False)
class Candidate:
    """A connected component: its box in the volume and its mask in that box."""

    evidence: Evidence
    box: Box
    mask: NDArray[np.bool_]

    @cached_property
    def voxel_count(self) -> int:
        """Voxels."""
        return int(np.count_nonzero(self.mask))

    @property
    def volume_mm3(self) -> float:
        """Volume in mm3."""
        return self.voxel_count * self.evidence.volume.voxel_volume_mm3

    @property
    def slices(self) -> int:
        """How many native slices it spans."""
        return int(self.mask.shape[0])

    @cached_property
    def max_probability(self) -> float:
        """Greatest mean probability in it."""
        return float(self.evidence.mean[self.box][self.mask].max())

    @cached_property
    def mean_probability(self) -> float:
        """Average of the mean probability over it."""
        return float(self.evidence.mean[self.box][self.mask].mean(dtype=np.float64))

    @cached_property
    def brain_probability(self) -> float | None:
        """Average probability of brain over it; None when no network gives it."""
        brain = self.evidence.brain
        return None if brain is None else float(brain[self.box][self.mask].mean(dtype=np.float64))

    @cached_property
    def centroid_lps_mm(self) -> tuple[float, float, float]:
        """Mean of the voxel centres, (x, y, z)."""
        corner = np.array([s.start for s in self.box], dtype=np.float64)
        index = np.argwhere(self.mask).mean(axis=0) + corner
        x, y, z = self.evidence.volume.to_lps(index)
        return float(x), float(y), float(z)


def components(evidence: Evidence, threshold: float) -> Iterator[Candidate]:
    """Components of voxels whose mean probability is at or above `threshold`, in raster order."""
    labels, count = connected(evidence.mean >= np.float32(threshold))
    if count == 0:
        return
    boxes = cc3d.statistics(labels)["bounding_boxes"]
    for label in range(1, count + 1):
        box = boxes[label]
        yield Candidate(evidence, box, labels[box] == label)


def features(component: Candidate) -> NDArray[np.float64]:
    """The features of a candidate, ``(len(FEATURES),)``, in the order of `FEATURES`.

    - ``log_volume``: natural logarithm of mm3
    - ``max_probability``, ``mean_probability``: log odds of these properties of the component
    - ``least_member``: log odds of the greatest probability that the most doubtful member gives
    - ``brain``, ``brain_around``: probability of brain in it and in its shell; 1 if no network
      gives it
    - ``elongation``, ``flatness``: natural logarithms of the longest principal axis over the middle
      one, and of that over the shortest
    - ``contrast``: mean grey value in it over that of its shell, less 1, at most 3 either way
    """
    around, shell = surroundings(component.mask, component.box, component.evidence.volume)
    evidence = component.evidence
    inside = component.mask
    greatest = [float(m[component.box][inside].max()) for m in evidence.members]
    brain = component.brain_probability
    long, middle, short = _principal_axes_mm(component)
    grey = evidence.volume.voxels
    return np.array(
        [
            np.log(component.volume_mm3),
            _log_odds(component.max_probability),
            _log_odds(component.mean_probability),
            _log_odds(min(greatest, default=component.max_probability)),
            1.0 if brain is None else brain,
            1.0 if evidence.brain is None else _mean(evidence.brain[around][shell], brain or 0.0),
            np.log(long / middle),
            np.log(middle / short),
            _contrast(_mean(grey[component.box][inside], 0.0), _mean(grey[around][shell], 0.0)),
        ]
    )


def surroundings(
    mask: NDArray[np.bool_], box: Box, volume: Volume
) -> tuple[Box, NDArray[np.bool_]]:
    """A larger box, and in it the voxels whose distance from `mask`, which lies in `box`, is within
    `SHELL_MM`.
    """
    spacing = volume.spacing
    reach = [int(np.ceil(SHELL_MM[1] / step)) for step in spacing]
    z, h, w = widened(box, reach, volume.shape)
    around = (z, h, w)
    padding = [(i.start - o.start, o.stop - i.stop) for i, o in zip(box, around, strict=True)]
    distance = ndimage.distance_transform_edt(~np.pad(mask, padding), sampling=spacing)
    return around, np.asarray((distance >= SHELL_MM[0]) & (distance <= SHELL_MM[1]))


def _principal_axes_mm(component: Candidate) -> tuple[float, float, float]:
    """Lengths along the principal axes of a body of the same second moments, longest first; at
    least half a voxel.
    """
    affine = component.evidence.volume.affine[:3, :3]
    points = np.argwhere(component.mask) @ affine.T
    # A voxel is a box, not a point: it adds its own second moment.
    own = affine @ affine.T / 12.0
    spread = np.cov(points, rowvar=False, bias=True) if len(points) > 1 else np.zeros((3, 3))
    short, middle, long = np.sqrt(np.maximum(np.linalg.eigvalsh(spread + own), 1e-6))
    return float(long), float(middle), float(short)


def _contrast(inside: float, around: float) -> float:
    if around <= 0.0:
        return _CONTRAST_LIMIT if inside > 0.0 else 0.0
    return float(np.clip(inside / around - 1.0, -_CONTRAST_LIMIT, _CONTRAST_LIMIT))


def _mean(values: NDArray[np.float32], if_none: float) -> float:
    return float(values.mean(dtype=np.float64)) if values.size else if_none


def _log_odds(probability: float) -> float:
    p = min(max(probability, _TINY), 1.0 - _TINY)
    return float(np.log(p / (1.0 - p)))
