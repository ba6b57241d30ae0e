"""Grey levels of a healthy head after contrast agent; white matter is 1.0."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training.synthesis import labels as lb
from training.synthesis.fields import Array, Shape, blur, distance_mm, smooth_noise

# Class, and the range its mean is drawn from, white matter being 1. Set by eye beside seventeen
# real post-contrast scans: fat and slow blood bright, grey under white matter, water and bone dark.
GREY_RANGES: Final[tuple[tuple[tuple[int, ...], float, float], ...]] = (
    ((0,), 0.0, 0.03),
    (lb.WHITE, 1.0, 1.0),
    (lb.CEREBELLAR_WHITE, 0.95, 1.05),
    (lb.BRAINSTEM, 0.88, 1.02),
    (lb.OTHER_BRAIN, 0.85, 1.0),
    (lb.VENTRICLES, 0.18, 0.5),
    (lb.CSF, 0.18, 0.55),
    (lb.EYEBALL, 0.2, 0.45),
    (lb.EYE_MUSCLE, 0.8, 1.4),
    (lb.MUCOSA, 1.2, 2.3),
    (lb.SKIN, 0.7, 1.5),
    (lb.FLUID, 0.2, 0.6),
    (lb.CORTICAL_BONE, 0.03, 0.2),
    (lb.MARROW, 0.5, 1.6),
    (lb.OTHER, 0.6, 1.1),
)


@dataclass(frozen=True, slots=True)
class GreyLevels:
    """The grey levels of one head after one sequence and dose of contrast agent; white matter is 1.

    `table` holds the level of each class.
    """

    table: Array
    black_blood: bool
    enhancement: float
    fat: float
    muscle: float


def draw_grey_levels(rng: np.random.Generator) -> GreyLevels:
    """Draw the grey level of every class."""
    table = np.full(lb.LARGEST, 0.8, dtype=np.float32)
    for classes, low, high in GREY_RANGES:
        table[list(classes)] = rng.uniform(low, high)
    cortex = _cortex_level(rng)
    for classes, mix in ((lb.CORTEX, 0), (lb.CEREBELLAR_GREY, 0), (lb.STRIATUM, 0.2)):
        table[list(classes)] = cortex + mix * (1 - cortex) + rng.normal(0, 0.02)
    # Fluid in spaces about as wide as a voxel, which tissue shares.
    table[list(lb.PERIVASCULAR)] = (table[lb.CSF[0]] + cortex) / 2
    table[list(lb.THALAMUS_PALLIDUM)] = cortex + rng.uniform(0.3, 0.9) * (1 - cortex)
    black_blood = bool(rng.random() < 0.25)
    enhancement = float(rng.uniform(1.3, 2.1))
    blood = (0.1, 0.6) if black_blood else (1.3, 2.0)
    table[list(lb.ARTERY)] = rng.uniform(*blood)
    table[list(lb.VEIN)] = rng.uniform(0.3, 1.2) if black_blood else rng.uniform(1.5, 3.0)
    suppressed = rng.random() < 0.25
    fat = float(rng.uniform(0.3, 0.7) if suppressed else rng.uniform(1.4, 2.6))
    return GreyLevels(table, black_blood, enhancement, fat, float(rng.uniform(0.55, 0.95)))


def _cortex_level(rng: np.random.Generator) -> float:
    kind = rng.random()
    if kind < 0.05:
        return float(rng.uniform(1.0, 1.2))
    if kind < 0.4:
        return float(rng.uniform(0.87, 0.99))
    return float(rng.uniform(0.62, 0.88))


def paint(labels: NDArray[np.uint16], levels: GreyLevels, rng: np.random.Generator) -> Array:
    """Grey levels ``(Z, H, W)`` of the healthy head with texture; white matter is near 1."""
    shape: Shape = (labels.shape[0], labels.shape[1], labels.shape[2])
    image = levels.table[labels]
    _paint_soft_tissue(image, labels, levels, rng)
    _paint_bright_blood(image, labels, rng)
    _paint_folia(image, labels, rng)
    # Borders share their voxels: a label map knows whole ones only.
    image = blur(image, rng.uniform(0.4, 0.8))
    _paint_choroid(image, labels, levels, rng)
    _paint_sheets(image, labels, levels, rng)
    fine = blur(rng.standard_normal(shape, dtype=np.float32), rng.uniform(0.6, 1.1))
    image *= 1 + rng.uniform(0.03, 0.12) * fine
    image *= 1 + rng.uniform(0.005, 0.04) * smooth_noise(rng, shape, scale_mm=rng.uniform(5, 14))
    return np.asarray(image, dtype=np.float32)


def _paint_soft_tissue(
    image: Array, labels: NDArray[np.uint16], levels: GreyLevels, rng: np.random.Generator
) -> None:
    """One class holds both fat and muscle: scalp above is fat, deep tissue below a patchwork."""
    shape: Shape = (labels.shape[0], labels.shape[1], labels.shape[2])
    soft = lb.is_in(labels, lb.SOFT_TISSUE)
    outside = distance_mm(lb.is_in(labels, lb.SKIN))
    height = np.linspace(-1.2, 1.2, shape[0], dtype=np.float32)[:, None, None]
    level = smooth_noise(rng, shape, scale_mm=rng.uniform(5, 12)) - outside / 5 + 1.5 * height + 0.8
    share = np.clip(level * 1.5 + 0.5, 0, 1)
    mixed = levels.muscle + share * (levels.fat - levels.muscle)
    image[soft] = mixed[soft]


def _paint_bright_blood(image: Array, labels: NDArray[np.uint16], rng: np.random.Generator) -> None:
    """Blood in one vessel differs from blood in the next, and along the vessel."""
    shape: Shape = (labels.shape[0], labels.shape[1], labels.shape[2])
    where = lb.is_in(labels, lb.VEIN + lb.ARTERY + lb.MUCOSA + lb.MARROW)
    field = smooth_noise(rng, shape, scale_mm=rng.uniform(6, 15))
    image[where] *= np.clip(1 + 0.18 * field[where], 0.4, 1.7)


def _paint_choroid(
    image: Array, labels: NDArray[np.uint16], levels: GreyLevels, rng: np.random.Generator
) -> None:
    """Enhancing plexus in parts of the ventricles: strands, in three heads of ten clumps."""
    shape: Shape = (labels.shape[0], labels.shape[1], labels.shape[2])
    where = lb.is_in(labels, lb.VENTRICLES)
    clumps = smooth_noise(rng, shape, scale_mm=rng.uniform(3, 5))
    regions = smooth_noise(rng, shape, scale_mm=rng.uniform(12, 20))
    level = 1 + (levels.enhancement - 1) * rng.uniform(0.3, 1.2)
    if rng.random() < 0.3:
        share = np.clip((clumps + 0.8 * regions - rng.uniform(1.4, 2.1)) * 2, 0, 1)
    else:
        strands = np.clip(1 - np.abs(clumps) / rng.uniform(0.2, 0.45), 0, 1)
        share = strands * np.clip((regions - rng.uniform(0.3, 1.2)) * 3, 0, 1)
    image += where * share * (level * (1 + 0.12 * clumps) - image)


def _paint_folia(image: Array, labels: NDArray[np.uint16], rng: np.random.Generator) -> None:
    """Dark stripes of fluid every few mm through the grey matter of the cerebellum."""
    shape: Shape = (labels.shape[0], labels.shape[1], labels.shape[2])
    where = lb.is_in(labels, lb.CEREBELLAR_GREY)
    slope = rng.uniform(0.4, 1.4)
    phase = np.arange(shape[0])[:, None, None] + slope * np.arange(shape[1])[None, :, None]
    phase = phase + rng.uniform(2, 5) * smooth_noise(rng, shape, scale_mm=14)
    stripes = np.cos(phase * (2 * np.pi / rng.uniform(3.0, 5.0)))
    image[where] *= (1 - rng.uniform(0.03, 0.15) * np.clip(stripes, -0.2, 1))[where]


def _paint_sheets(
    image: Array, labels: NDArray[np.uint16], levels: GreyLevels, rng: np.random.Generator
) -> None:
    """Dura under the skull, falx between the hemispheres and tentorium over the cerebellum."""
    shape: Shape = (labels.shape[0], labels.shape[1], labels.shape[2])
    level = (1 + (levels.enhancement - 1) * rng.uniform(0.2, 1.1)) * (
        1 + 0.2 * smooth_noise(rng, shape, scale_mm=12)
    )
    present = smooth_noise(rng, shape, scale_mm=20) > rng.uniform(-1.5, 1.0)
    fluid = lb.is_in(labels, lb.CSF)
    bone = lb.is_in(labels, lb.CORTICAL_BONE)
    dura = fluid & ndimage.binary_dilation(bone, iterations=int(rng.integers(1, 3)))
    share = (dura & present).astype(np.float32)
    if rng.random() < 0.75:
        share = np.maximum(share, _falx_and_tentorium(labels, fluid, rng.uniform(0.5, 1.1)))
    image += share * (level - image)


def _falx_and_tentorium(
    labels: NDArray[np.uint16], fluid: NDArray[np.bool_], thickness_mm: float
) -> Array:
    """Share of each voxel in the sheets where the hemispheres, or cerebrum and cerebellum, are
    equally near.
    """
    left = distance_mm(lb.is_in(labels, lb.LEFT_CEREBRUM))
    right = distance_mm(lb.is_in(labels, lb.RIGHT_CEREBRUM))
    above = np.minimum(left, right)
    below = distance_mm(lb.is_in(labels, lb.CEREBELLUM))
    # The sheets also run where cortex touches cortex in the map, but not through white matter.
    open_to = (fluid | lb.is_in(labels, lb.CORTEX + lb.CEREBELLAR_GREY)) & (above < 8)
    # The difference of two distances grows by 2 for each mm from the middle.
    falx = np.where(below > 6, np.abs(left - right), 9.0)
    nearest = np.minimum(falx, np.abs(above - below)) / 2
    return np.asarray(open_to * np.clip(0.5 + thickness_mm / 2 - nearest, 0, 1), dtype=np.float32)
