"""Measures of a segmentation, against a reference and without one.

Dice is the word for a comparison with a reference only. Between members it is called agreement.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt, generate_binary_structure
from scipy.optimize import linear_sum_assignment

from imaging.lesions import CONNECTIVITY
from imaging.volume import Volume

# BraTS-METS 2025: a pair is matched above this Dice; smaller lesions count for detection only.
MATCH_DICE = 1e-6
DETECTION_ONLY_MM3 = 20.0

MEMBER_THRESHOLD = 0.5
UNCERTAIN_FROM = 0.05  # below, a voxel is background to all purposes and would drown the mean

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Detection:
    """One reference lesion, with Dice and HD95 where a predicted lesion matches it."""

    volume_mm3: float
    dice: float | None
    hd95_mm: float | None

    @property
    def equivalent_diameter_mm(self) -> float:
        """Diameter of the ball of this volume."""
        return float(np.cbrt(6.0 * self.volume_mm3 / np.pi))


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A segmentation against a reference.

    `dice` is of all voxels. `lesion_dice_mean` and `hd95_mm` are means over the matched reference
    lesions of at least 20 mm3, None where there is none. `volume_error_mm3` is predicted minus
    reference.
    """

    dice: float
    lesion_dice_mean: float | None
    true_positives: int
    false_positives: int
    false_negatives: int
    volume_error_mm3: float
    hd95_mm: float | None
    detections: tuple[Detection, ...] = ()


def evaluate(
    prediction_labels: NDArray[np.integer] | Mask, reference_mask: Mask, volume: Volume
) -> Evaluation:
    """Compare a segmentation with a reference, lesion by lesion.

    Lesions of both are 26-connected components, paired one to one for the greatest sum of Dice.

    Parameters
    ----------
    prediction_labels
        ``(Z, H, W)``; anything but 0 is lesion. Labels themselves are not used.
    reference_mask
        ``(Z, H, W)``.

    Raises
    ------
    ValueError
        The shapes differ.

    References
    ----------
    BraTS-METS 2025 evaluation, https://github.com/BraTS/BraTS_evaluation.
    """
    prediction, reference = prediction_labels != 0, reference_mask != 0
    for mask in (prediction, reference):
        if mask.shape != volume.shape:
            raise ValueError(
                f"masks must have the shape of volume {volume.shape}, got {mask.shape}"
            )
    box = _box(prediction | reference)  # a head is mostly neither
    predicted, found = _components(prediction[box])
    referred, expected = _components(reference[box])
    pairs = _match(referred, expected, predicted, found)
    detections = _detections(referred, expected, predicted, pairs, volume)
    counted = [d for d in detections if d.dice is not None and d.volume_mm3 >= DETECTION_ONLY_MM3]
    error = int(np.count_nonzero(prediction)) - int(np.count_nonzero(reference))
    return Evaluation(
        dice=dice(prediction, reference),
        lesion_dice_mean=_mean([d.dice for d in counted if d.dice is not None]),
        true_positives=len(pairs),
        false_positives=found - len(pairs),
        false_negatives=expected - len(pairs),
        volume_error_mm3=error * volume.voxel_volume_mm3,
        hd95_mm=_mean([d.hd95_mm for d in counted if d.hd95_mm is not None]),
        detections=detections,
    )


def dice(a: Mask, b: Mask) -> float:
    """``2 |a and b| / (|a| + |b|)``, in [0, 1]. Two empty masks agree: 1."""
    if a.shape != b.shape:
        raise ValueError(f"masks must have one shape, got {a.shape} and {b.shape}")
    total = int(np.count_nonzero(a)) + int(np.count_nonzero(b))
    return 1.0 if total == 0 else 2.0 * int(np.count_nonzero(a & b)) / total


def hd95(a: Mask, b: Mask, spacing: tuple[float, float, float]) -> float:
    """95th percentile of the distances between the borders of two masks, both ways pooled, in mm.

    A border voxel has a face neighbour outside its mask.

    Raises
    ------
    ValueError
        A mask is empty: there is no distance.
    """
    if not (a.any() and b.any()):
        raise ValueError("masks must not be empty")
    box = _box(a | b)
    border_a, border_b = _border(np.pad(a[box], 1)), _border(np.pad(b[box], 1))
    to_b = distance_transform_edt(~border_b, sampling=spacing)[border_a]
    to_a = distance_transform_edt(~border_a, sampling=spacing)[border_b]
    return float(np.percentile(np.concatenate([to_b, to_a]), 95))


def agreement(members: Mapping[str, NDArray[np.float32]]) -> float | None:
    """Mean overlap of the members' masks, over all pairs; 1 where all are empty, None for less than
    two members.

    The masks are the probabilities ``(Z, H, W)`` at or above 0.5. The formula is that of Dice; the
    name is not, for there is no reference.
    """
    masks = [member >= MEMBER_THRESHOLD for member in members.values()]
    return _mean([dice(a, b) for a, b in combinations(masks, 2)])


def expected_dice(mean: NDArray[np.float32], mask: Mask) -> float | None:
    """Dice that calibrated probabilities promise the mask: ``2 sum(p in mask) / (|mask| +
    sum(p))``.

    `mean` is ``(Z, H, W)`` in [0, 1]. None for an empty mask: there nothing is promised.
    """
    voxels = int(np.count_nonzero(mask))
    if voxels == 0:
        return None
    inside = float(mean[mask].sum(dtype=np.float64))
    return 2.0 * inside / (voxels + float(mean.sum(dtype=np.float64)))


def entropy(mean: NDArray[np.float32]) -> float:
    """Mean binary entropy in bits, [0, 1], over the voxels of probability 0.05 or more; 0 where
    there is none.
    """
    p = mean[mean >= UNCERTAIN_FROM].astype(np.float64)
    if p.size == 0:
        return 0.0
    q = np.clip(p, 1e-12, 1.0 - 1e-12)
    return float(-(q * np.log2(q) + (1.0 - q) * np.log2(1.0 - q)).mean())


def _check_shapes(prediction: Mask, reference: Mask, volume: Volume) -> None:
    for mask in (prediction, reference):
        if mask.shape != volume.shape:
            raise ValueError(
                f"masks must have the shape of volume {volume.shape}, got {mask.shape}"
            )


def _components(mask: Mask) -> tuple[NDArray[np.unsignedinteger], int]:
    labels, count = cc3d.connected_components(mask, connectivity=CONNECTIVITY, return_N=True)
    return labels, int(count)


def _match(
    referred: NDArray[np.unsignedinteger],
    expected: int,
    predicted: NDArray[np.unsignedinteger],
    found: int,
) -> dict[int, int]:
    """Reference lesion to predicted lesion, one to one."""
    both = (referred > 0) & (predicted > 0)
    overlap = np.zeros((expected + 1, found + 1))
    np.add.at(overlap, (referred[both], predicted[both]), 1.0)
    sizes = np.bincount(referred.ravel(), minlength=expected + 1)[:, None] + np.bincount(
        predicted.ravel(), minlength=found + 1
    )
    scores = (2.0 * overlap / np.maximum(sizes, 1))[1:, 1:]
    rows, columns = linear_sum_assignment(scores, maximize=True)
    return {
        int(row) + 1: int(column) + 1
        for row, column in zip(rows, columns, strict=True)
        if scores[row, column] > MATCH_DICE
    }


def _detections(
    referred: NDArray[np.unsignedinteger],
    expected: int,
    predicted: NDArray[np.unsignedinteger],
    pairs: dict[int, int],
    volume: Volume,
) -> tuple[Detection, ...]:
    return tuple(
        _detection(referred == number, predicted, pairs.get(number), volume)
        for number in range(1, expected + 1)
    )


def _detection(
    lesion: Mask, predicted: NDArray[np.unsignedinteger], partner: int | None, volume: Volume
) -> Detection:
    size = int(np.count_nonzero(lesion)) * volume.voxel_volume_mm3
    if partner is None:
        return Detection(size, None, None)
    other = predicted == partner
    return Detection(size, dice(lesion, other), hd95(lesion, other, volume.spacing))


def _border(mask: Mask) -> Mask:
    return mask & ~binary_erosion(mask, generate_binary_structure(3, 1))


def _box(mask: Mask) -> tuple[slice, ...]:
    """Slices of the smallest box that holds a mask; one voxel for an empty one."""
    if not mask.any():
        return (slice(0, 1),) * mask.ndim
    spans = []
    for axis in range(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        hit = np.flatnonzero(mask.any(axis=others))
        spans.append(slice(int(hit[0]), int(hit[-1]) + 1))
    return tuple(spans)


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
