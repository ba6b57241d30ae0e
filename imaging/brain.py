"""How much brain the networks see, where it lies, and whether it can be a brain.

"No lesion" means something only where a whole, recognised brain was looked at. The limits were
measured with shipped weights on real heads, whole and skull-stripped, and on drawn things that are
not brains (docs/dicom.md has those of today's: `make bench-brains`).
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.boxes import bounding_box, widened
from imaging.brain_seen import BrainSeen
from imaging.connected import connected
from imaging.volume import Volume
from metseg.errors import NoBrainError

LIKELY: Final = 0.5
"""A voxel of at least this probability is brain."""
REFUSE_BELOW_ML: Final = 50.0
"""Four slices of 1 mm through a brain hold more; spinal cords and scattered voxels hold less."""
REFUSE_ABOVE_ML: Final = 3500.0
PLAUSIBLE_ML: Final = (700.0, 2000.0)
"""Of adults. A child's brain is smaller, so a smaller volume gives a warning and is not refused."""
LEAST_VARIATION: Final = 0.03
"""Standard deviation of the smoothed brain divided by its mean: 0.09 to 0.36 in real brains, below
0.01 in balls of one substance.
"""
LONG_MM: Final = 80.0
THIN_CM2: Final = 60.0
"""What is cut at the bottom and the top of the scan and nowhere else is a limb or a spine where it
is longer than `LONG_MM` and its mean cross-section is below `THIN_CM2`: 30 and 38 cm2 in drawn
ones, at least 119 in real brains that were cut there.
"""
CUT_CM2: Final = 15.0
"""A brain that has more than this on a face of the scan was cut there; a brain stem has less."""
DOUBTFUL: Final = 0.78
"""A brain of a lower mean probability is doubtful; real whole brains have 0.84 and more."""

_SIDES = (("right", "left"), ("front", "back"), ("bottom", "top"))
_SMOOTH_MM = 1.5


def brain_seen(probability: NDArray[np.float32], volume: Volume) -> BrainSeen:
    """Measure the brain in a probability ``(Z, H, W)`` on the grid of `volume`."""
    labels, count = connected(probability >= LIKELY)
    if count == 0:
        return BrainSeen(0.0, None, (), 0.0, 0.0, 0.0)
    mask = np.asarray(labels == int(np.bincount(labels.ravel())[1:].argmax()) + 1)
    index = np.argwhere(mask)
    x, y, z = volume.to_lps(index.mean(axis=0))
    axis, _ = _axis_towards(volume, 2)
    height = float(np.ptp(index[:, axis]) + 1) * volume.spacing[axis]
    return BrainSeen(
        volume_ml=float(len(index) * volume.voxel_volume_mm3 / 1000.0),
        centroid_lps_mm=(float(x), float(y), float(z)),
        cut=tuple(_cut(mask, volume)),
        height_mm=height,
        variation=_variation(mask, volume),
        certainty=float(probability[mask].mean(dtype=np.float64)),
    )


def check_brain(seen: BrainSeen) -> tuple[str, ...]:
    """Warnings about a brain that is doubtful or not whole.

    Raises
    ------
    NoBrainError
        What the networks see cannot be a brain.
    """
    reason = _refusal(seen)
    if reason is not None:
        raise NoBrainError(f"the networks must see a brain: {reason}")
    return tuple(_doubts(seen))


def _refusal(seen: BrainSeen) -> str | None:
    if seen.volume_ml < REFUSE_BELOW_ML:
        return f"got {seen.volume_ml:.0f} ml, less than {REFUSE_BELOW_ML:.0f} ml"
    if seen.volume_ml > REFUSE_ABOVE_ML:
        return f"got {seen.volume_ml:.0f} ml, more than {REFUSE_ABOVE_ML:.0f} ml"
    if seen.variation is not None and seen.variation < LEAST_VARIATION:
        return f"what they take for it ({seen.volume_ml:.0f} ml) has no structure, like a phantom"
    if set(seen.cut) == {"bottom", "top"} and seen.height_mm > LONG_MM:
        section_cm2 = seen.volume_ml / (seen.height_mm / 10.0)
        if section_cm2 < THIN_CM2:
            return f"what they take for it runs through the scan, {section_cm2:.0f} cm2 in section"
    return None


def _doubts(seen: BrainSeen) -> list[str]:
    least, most = PLAUSIBLE_ML
    found = []
    if seen.cut:
        sides = ", ".join(seen.cut)
        found.append(f"the scan covers part of the brain: cut at {sides}, {seen.volume_ml:.0f} ml")
    elif seen.volume_ml < least:
        found.append(
            f"the brain seen has {seen.volume_ml:.0f} ml, an adult's {least:.0f} to {most:.0f} ml"
        )
    if seen.volume_ml > most:
        found.append(
            f"the brain seen has {seen.volume_ml:.0f} ml, an adult's {least:.0f} to {most:.0f} ml"
        )
    if seen.certainty < DOUBTFUL:
        found.append(f"the networks hardly recognise a brain: {seen.certainty:.2f} on average")
    return found


def _cut(mask: NDArray[np.bool_], volume: Volume) -> list[str]:
    """Sides where more brain lies on the face of the volume than a brain stem would."""
    sides = []
    spacing = np.asarray(volume.spacing)
    for component, names in enumerate(_SIDES):
        axis, ascending = _axis_towards(volume, component)
        pixel_cm2 = float(np.prod(np.delete(spacing, axis))) / 100.0
        for end, name in zip((0, -1), names if ascending else reversed(names), strict=True):
            if np.count_nonzero(mask.take(end, axis=axis)) * pixel_cm2 > CUT_CM2:
                sides.append(name)
    return sides


def _axis_towards(volume: Volume, component: int) -> tuple[int, bool]:
    """The axis that runs most along an LPS component, and whether it ascends."""
    directions = volume.affine[:3, :3] / np.asarray(volume.spacing)
    axis = int(np.abs(directions[component]).argmax())
    return axis, bool(directions[component, axis] > 0)


def _variation(mask: NDArray[np.bool_], volume: Volume) -> float | None:
    """Noise is smoothed away slice by slice; the rim, where air bleeds in, is left out."""
    inner: list[NDArray[np.float32]] = []
    pixel = np.asarray(volume.spacing[1:])
    rim = max(1, round(3.0 / float(pixel.max())))
    sigma = _SMOOTH_MM / pixel
    reach = [math.ceil(4.0 * one) + 1 for one in sigma.tolist()]  # gaussian_filter's, in pixels
    for plane, own in zip(volume.voxels, mask, strict=True):
        if own.any():
            around = widened(bounding_box(own), reach, own.shape)
            core = ndimage.binary_erosion(own[around], iterations=rim)
            inner.append(ndimage.gaussian_filter(plane[around], sigma)[core])
    values = np.concatenate(inner)
    if values.size == 0:
        return None
    low, high = np.percentile(values, (0.5, 99.5))
    values = np.clip(values, low, high).astype(np.float64)
    mean = float(values.mean()) - float(np.percentile(volume.voxels, 1.0))
    return float(values.std()) / mean if mean > 0 else None
