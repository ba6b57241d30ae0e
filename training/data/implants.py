"""Drawn lesions in real scans, for the real background that the synthesis cannot draw."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.boxes import widened
from training.data.real_cases import RealCase
from training.synthesis.fields import Array, blur
from training.synthesis.lesion_shapes import draw_shape, share_inside
from training.synthesis.lesions import Plan, add_oedema, appearance, swelling_mm

# White matter of a scan after contrast agent: this percentile of its healthy brain.
_WHITE_PERCENTILE: Final = 75.0
# Medians of what enhances in the gliomas of the shared data, white matter being 1: 1.1 to 1.8.
ENHANCEMENT_RANGE: Final = (1.15, 1.9)
# Structure finer than this is the scan's own noise, which continues inside a lesion.
_TEXTURE_MM: Final = 1.5
_POINT_SPREAD_MM: Final = (0.35, 0.8)
# Lesions keep away from the brain's surface, from what the scan itself holds, and from each other.
_DEPTH_MM: Final = 2
_CLEAR_MM: Final = 6
# Grey levels of tissue that is neither fluid nor blood, white matter being 1.
_TISSUE: Final = (0.6, 1.25)
_TRIES: Final = 40


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Where lesions may be implanted: a scan ``(Z, H, W)`` in any unit, one slice or many.

    `brain` is where they may lie, `taken` what they must keep away from; `white` is the scan's
    grey level of white matter.
    """

    voxels: Array
    brain: NDArray[np.bool_]
    taken: NDArray[np.bool_]
    white: float

    @classmethod
    def of(
        cls, voxels: Array, brain: NDArray[np.bool_], taken: NDArray[np.bool_]
    ) -> "Ground | None":
        """Find the white matter in a scan; None when hardly any brain is free."""
        healthy = brain & ~taken
        if np.count_nonzero(healthy) < 500:
            return None
        return cls(voxels, brain, taken, float(np.percentile(voxels[healthy], _WHITE_PERCENTILE)))


def implant(
    ground: Ground, plans: Sequence[Plan], rng: np.random.Generator, *, enhancement: float
) -> tuple[Array, NDArray[np.uint16]]:
    """Draw lesions into a scan, with its own noise and a point spread like its own.

    Parameters
    ----------
    plans
        Largest first; those without room are left out.
    enhancement
        Grey level of what takes up the agent, white matter being 1.

    Returns
    -------
    Another scan, and the numbers of the lesions in it from 1, 0 elsewhere.
    """
    image = ground.voxels / np.float32(max(ground.white, 1e-6))
    smooth = blur(image, _TEXTURE_MM) if image.shape[0] > 1 else _smooth_slice(image)
    numbers = np.zeros(image.shape, dtype=np.uint16)
    free = _free(ground, smooth)
    for plan in plans:
        centre = _place(free, plan, rng)
        if centre is None:
            continue
        box = _draw(image, smooth, numbers, ground.brain, centre, plan, enhancement, rng)
        near = widened(box, _CLEAR_MM, free.shape)
        free[near] = False
    return np.maximum(image * np.float32(ground.white), 0), numbers


def implanted_case(scan: RealCase, plans: Sequence[Plan], rng: np.random.Generator) -> RealCase:
    """A real scan with lesions implanted into its healthy brain, as bright as real tumours are; the
    mask holds its own tumour and the implants.

    Raises
    ------
    ValueError
        The scan's brain is not known, or has no room.
    """
    ground = None
    if scan.brain is not None:
        ground = Ground.of(scan.voxels, scan.brain, surroundings(scan.mask))
    if ground is None:
        raise ValueError(f"scan must have a brain to implant into, got none in {scan.name}")
    enhancement = float(rng.uniform(*ENHANCEMENT_RANGE))
    voxels, numbers = implant(ground, plans, rng, enhancement=enhancement)
    return replace(scan, voxels=voxels, mask=scan.mask | (numbers > 0))


def surroundings(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A tumour and what it changes around itself: oedema reaches a few centimetres."""
    if not mask.any():
        return mask
    near: NDArray[np.bool_] = ndimage.distance_transform_edt(~mask) < 25
    return near


def _smooth_slice(image: Array) -> Array:
    return blur(image, (0.0, _TEXTURE_MM, _TEXTURE_MM))


def _free(ground: Ground, smooth: Array) -> NDArray[np.bool_]:
    """Where a centre may lie."""
    cross = np.zeros((3, 3, 3), dtype=bool)
    cross[1] = ndimage.generate_binary_structure(2, 1)
    deep = ndimage.binary_erosion(ground.brain, cross, iterations=_DEPTH_MM)
    tissue = (smooth > _TISSUE[0]) & (smooth < _TISSUE[1])
    return np.asarray(deep & tissue & ~ground.taken)


def _place(
    free: NDArray[np.bool_], plan: Plan, rng: np.random.Generator
) -> NDArray[np.float64] | None:
    """A centre with free tissue half a diameter to all sides, or None."""
    points = np.flatnonzero(free)
    if not points.size:
        return None
    reach = max(1, round(plan.diameter_mm / 3))
    for flat in rng.choice(points, _TRIES):
        z, y, x = (int(v) for v in np.unravel_index(flat, free.shape))
        rows = free[z, max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
        if rows.mean() > 0.8:
            offset = rng.uniform(-0.5, 0.5, 3)
            if free.shape[0] == 1:  # the slice cuts the lesion anywhere
                offset[0] *= 0.7 * plan.diameter_mm
            return np.array([z, y, x]) + offset
    return None


def _draw(
    image: Array,
    smooth: Array,
    numbers: NDArray[np.uint16],
    brain: NDArray[np.bool_],
    centre: NDArray[np.float64],
    plan: Plan,
    enhancement: float,
    rng: np.random.Generator,
) -> tuple[slice, slice, slice]:
    """Draw one lesion with its oedema into `image` and `numbers`. Returns its box."""
    swelling = swelling_mm(plan, rng)
    shape = draw_shape(
        centre, plan.diameter_mm, image.shape, rng, margin_mm=1.3 * swelling, ragged=plan.ragged
    )
    box = shape.box()
    share = share_inside(shape.distance) * brain[box]
    numbers[box][(share >= 0.5) & (numbers[box] == 0)] = int(numbers.max()) + 1
    change = np.zeros_like(image[box])
    if swelling:
        swollen = smooth[box].copy()
        add_oedema(swollen, shape.distance, swelling, rng)
        change += swollen - smooth[box]
    level = appearance(shape.distance, plan, enhancement, rng)
    change += share * (level - smooth[box] - change)
    spread = float(rng.uniform(*_POINT_SPREAD_MM))
    along = spread if image.shape[0] > 1 else 0.0
    image[box] += blur(change, (along, spread, spread))
    return box
