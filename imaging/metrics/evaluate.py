"""A segmentation against a reference, voxel by voxel and lesion by lesion."""

from collections.abc import Iterable
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from imaging.boxes import bounding_box
from imaging.connected import Labels, connected
from imaging.metrics.bins import by_diameter
from imaging.metrics.evaluation import Detection, Evaluation
from imaging.metrics.matching import match
from imaging.metrics.overlap import Mask, dice
from imaging.metrics.surfaces import (
    SURFACE_TOLERANCE_MM,
    Spacing,
    surface_dice,
    surface_distances,
)
from imaging.volume import Volume

DETECTION_ONLY_MM3 = 20.0  # BraTS-METS 2025: smaller lesions count for detection only


def evaluate(
    prediction_labels: NDArray[np.integer] | Mask,
    reference_mask: Mask,
    volume: Volume,
    *,
    tolerance_mm: float = SURFACE_TOLERANCE_MM,
) -> Evaluation:
    """Compare a segmentation with a reference, lesion by lesion.

    Lesions of both are 26-connected components, paired one to one for the greatest sum of Dice.

    Parameters
    ----------
    prediction_labels
        ``(Z, H, W)``; anything but 0 is lesion. Labels themselves are not used.
    reference_mask
        ``(Z, H, W)``.
    tolerance_mm
        Tolerance of surface Dice, at least 0.

    Raises
    ------
    ValueError
        The shapes differ, or the tolerance is negative.

    References
    ----------
    BraTS-METS 2025 evaluation, https://github.com/BraTS/BraTS_evaluation.
    """
    prediction, reference = prediction_labels != 0, reference_mask != 0
    _check(prediction, reference, volume, tolerance_mm)
    box = bounding_box(prediction | reference)  # most of a head is in neither
    return _measure((prediction[box], reference[box]), volume, tolerance_mm)


def _check(prediction: Mask, reference: Mask, volume: Volume, tolerance_mm: float) -> None:
    for mask in (prediction, reference):
        if mask.shape != volume.shape:
            raise ValueError(
                f"masks must have the shape of volume {volume.shape}, got {mask.shape}"
            )
    if not tolerance_mm >= 0.0:
        raise ValueError(f"tolerance_mm must be >= 0, got {tolerance_mm}")


def _measure(masks: tuple[Mask, Mask], volume: Volume, tolerance_mm: float) -> Evaluation:
    """Measure prediction and reference, which are cut to what is marked."""
    (predicted, found), (referred, expected) = (connected(mask) for mask in masks)
    pairs = match(referred, expected, predicted, found)
    detections = _detections(referred, predicted, pairs, volume, tolerance_mm)
    counted = [one for one in detections if one.volume_mm3 >= DETECTION_ONLY_MM3]
    volumes = [float(np.count_nonzero(mask)) * volume.voxel_volume_mm3 for mask in masks]
    return Evaluation(
        dice=dice(*masks),
        lesion_dice=_mean(one.dice for one in counted),
        true_positives=len(pairs),
        false_positives=found - len(pairs),
        false_negatives=expected - len(pairs),
        reference_volume_mm3=volumes[1],
        volume_error_mm3=volumes[0] - volumes[1],
        hd95_mm=_mean(one.hd95_mm for one in counted),
        surface_dice=surface_dice(*masks, volume.spacing, tolerance_mm=tolerance_mm),
        lesion_surface_dice=_mean(one.surface_dice for one in counted),
        surface_dice_tolerance_mm=tolerance_mm,
        sensitivity_by_diameter=by_diameter(
            (one.equivalent_diameter_mm, one.found) for one in detections
        ),
        detections=detections,
    )


def _detections(
    referred: Labels, predicted: Labels, pairs: dict[int, int], volume: Volume, tolerance_mm: float
) -> tuple[Detection, ...]:
    """One detection per reference lesion; each pair is measured in the box that holds both."""
    lesion_boxes, partner_boxes = find_objects(referred), find_objects(predicted)
    detections = []
    for number, box in enumerate(lesion_boxes, start=1):
        size = int(np.count_nonzero(referred[box] == number)) * volume.voxel_volume_mm3
        partner = pairs.get(number)
        if partner is None:
            detections.append(Detection(size))
            continue
        around = _hull(box, partner_boxes[partner - 1])
        lesion, other = referred[around] == number, predicted[around] == partner
        detections.append(_detection(size, lesion, other, volume.spacing, tolerance_mm))
    return tuple(detections)


def _detection(
    volume_mm3: float, lesion: Mask, other: Mask, spacing: Spacing, tolerance_mm: float
) -> Detection:
    apart = surface_distances(lesion, other, spacing)
    return Detection(
        volume_mm3, dice(lesion, other), apart.hd95(), apart.surface_dice(tolerance_mm)
    )


def _hull(a: tuple[slice, ...], b: tuple[slice, ...]) -> tuple[slice, ...]:
    """The smallest box that holds two boxes."""
    return tuple(
        slice(min(one.start, other.start), max(one.stop, other.stop))
        for one, other in zip(a, b, strict=True)
    )


def _mean(values: Iterable[float | None]) -> float | None:
    """Mean of the values that are not None."""
    there = [value for value in values if value is not None]
    return fmean(there) if there else None
