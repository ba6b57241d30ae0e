"""Metastases: how many, how large, where, and how they appear."""

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training.synthesis import labels as lb
from training.synthesis.anatomy import GreyLevels
from training.synthesis.fields import Array, Shape, blur, smooth_noise
from training.synthesis.lesion_shapes import draw_shape, share_inside

MEDIAN_DIAMETER_MM: Final = 6.3  # of 56 real metastases, log-normal
LOG_DEVIATION: Final = 0.69
DIAMETER_RANGE_MM: Final = (2.0, 42.0)
# Chance of necrosis by diameter: below 5, 10, 20 mm, and above.
NECROSIS_CHANCE: Final = ((5.0, 0.0), (10.0, 0.17), (20.0, 0.40), (np.inf, 0.95))
OPEN_ABOVE_MM: Final = 18.0
# Three heads in ten also hold a large lesion, and a quarter a handful of very small ones.
LARGE_CHANCE: Final = 0.30
LARGE_RANGE_MM: Final = (20.0, 60.0)
LARGE_KINDS: Final = ("ring", "mottled", "nodular")
LARGE_SHARES: Final = (0.55, 0.2, 0.25)
HANDFUL_CHANCE: Final = 0.25
HANDFUL_RANGE_MM: Final = (2.5, 5.0)
# The share of these that lies beside a vessel; the others lie where all lesions do.
BESIDE_VESSEL: Final = 0.4
# A voxel of the brain above this, white matter being 1, is taken for blood.
BLOOD_LEVEL: Final = 1.25


class Kind(StrEnum):
    """How a lesion takes up contrast agent."""

    SOLID = "solid"
    MOTTLED = "mottled"
    RING = "ring"
    FAINT = "faint"
    NODULAR = "nodular"


@dataclass(frozen=True, slots=True)
class Plan:
    """A lesion to draw. Diameter: of the ball of equal volume."""

    diameter_mm: float
    kind: Kind
    ragged: bool = False
    beside_vessel: bool = False


@dataclass(frozen=True, slots=True)
class Drawn:
    """A lesion that was drawn, numbered from 1; centre in voxels (slice, row, column)."""

    number: int
    diameter_mm: float
    kind: Kind
    centre: tuple[int, int, int]


def draw_plans(rng: np.random.Generator) -> list[Plan]:
    """Draw number, sizes and kinds of the lesions, largest first; 16 % of heads have no lesion."""
    if rng.random() < 0.16:
        return []
    count = int(np.clip(np.rint(rng.lognormal(np.log(5), 0.95)), 1, 30))
    sizes = np.exp(rng.normal(np.log(MEDIAN_DIAMETER_MM), LOG_DEVIATION, count))
    plans = [draw_plan(float(d), rng) for d in np.clip(sizes, *DIAMETER_RANGE_MM)]
    if rng.random() < LARGE_CHANCE:
        kind = Kind(str(rng.choice(LARGE_KINDS, p=LARGE_SHARES)))
        ragged = bool(rng.random() < 0.75)
        plans.append(Plan(float(rng.uniform(*LARGE_RANGE_MM)), kind, ragged=ragged))
    if rng.random() < HANDFUL_CHANCE:
        small = rng.uniform(*HANDFUL_RANGE_MM, int(rng.integers(2, 9)))
        plans += [
            replace(draw_plan(float(d), rng), beside_vessel=bool(rng.random() < BESIDE_VESSEL))
            for d in small
        ]
    return sorted(plans, key=lambda plan: -plan.diameter_mm)


def draw_plan(diameter_mm: float, rng: np.random.Generator) -> Plan:
    """Draw the kind of a lesion of this size."""
    chance = next(p for limit, p in NECROSIS_CHANCE if diameter_mm < limit)
    if rng.random() < chance:
        return Plan(diameter_mm, Kind.RING, ragged=diameter_mm > 15 and bool(rng.random() < 0.3))
    kind = rng.choice([Kind.SOLID, Kind.MOTTLED, Kind.FAINT], p=[0.6, 0.28, 0.12])
    return Plan(diameter_mm, Kind(str(kind)), ragged=diameter_mm > 15 and bool(rng.random() < 0.3))


def add_lesions(
    image: Array,
    labels: NDArray[np.uint16],
    plans: list[Plan],
    levels: GreyLevels,
    rng: np.random.Generator,
) -> tuple[Array, NDArray[np.uint16], list[Drawn]]:
    """Draw the planned lesions into `image` (changed in place), largest first.

    Returns
    -------
    Core share of each voxel in [0, 1], lesion numbers (0 outside), and the lesions that found room.
    """
    core = np.zeros(image.shape, dtype=np.float32)
    numbers = np.zeros(image.shape, dtype=np.uint16)
    tissue = lb.is_in(labels, lb.BRAIN)
    inside = tissue | lb.is_in(labels, lb.VENTRICLES) | _sulci(labels, tissue)
    places = _Places(labels, image, rng)
    drawn: list[Drawn] = []
    for plan in plans:
        centre = places.take(plan)
        if centre is None:
            continue
        number = len(drawn) + 1
        if _draw(image, core, numbers, inside, centre, plan, number, levels, rng):
            middle = (int(centre[0]), int(centre[1]), int(centre[2]))
            drawn.append(Drawn(number, plan.diameter_mm, plan.kind, middle))
    return core, numbers, drawn


def _sulci(labels: NDArray[np.uint16], tissue: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fluid close to tissue: a lesion at the surface may bulge into it."""
    near = ndimage.binary_dilation(tissue, iterations=2)
    return np.asarray(near & lb.is_in(labels, lb.CSF))


class _Places:
    """Candidate centres, most on the grey-white border; each keeps its distance from the rest."""

    def __init__(self, labels: NDArray[np.uint16], image: Array, rng: np.random.Generator) -> None:
        self._brain = lb.is_in(labels, lb.BRAIN)
        self._image, self._rng = image, rng
        white = blur(lb.is_in(labels, lb.WHITE_MATTER).astype(np.float32), 1.2)
        border = self._brain & (white > 0.25) & (white < 0.8)
        anywhere = np.flatnonzero(self._brain)
        mixed = [rng.choice(np.flatnonzero(border), 400), rng.choice(anywhere, 200)]
        order = rng.permutation(np.concatenate(mixed))
        self._centres = np.stack(np.unravel_index(order, labels.shape), axis=1).astype(float)
        self._taken: list[tuple[NDArray[np.float64], float]] = []
        self._jitter = rng.uniform(-0.5, 0.5, self._centres.shape)

    def take(self, plan: Plan) -> NDArray[np.float64] | None:
        """The next centre with room for a lesion of this size; None when there is none."""
        if plan.beside_vessel:
            beside = next((c for c in self._beside_vessels if self._has_room(c, plan)), None)
            if beside is not None:
                self._taken.append((beside, plan.diameter_mm))
                return np.asarray(beside)
        for index, centre in enumerate(self._centres):
            if self._has_room(centre, plan):
                self._taken.append((centre, plan.diameter_mm))
                found = centre + self._jitter[index]
                self._centres = np.delete(self._centres, index, axis=0)
                self._jitter = np.delete(self._jitter, index, axis=0)
                return np.asarray(found)
        return None

    def _has_room(self, centre: NDArray[np.float64], plan: Plan) -> bool:
        gaps = [
            np.linalg.norm(centre - other) - (diameter + plan.diameter_mm) * 0.65
            for other, diameter in self._taken
        ]
        return all(gap > 3 for gap in gaps)

    @cached_property
    def _beside_vessels(self) -> NDArray[np.float64]:
        """Brain within 2 mm of what is as bright as blood."""
        blood = self._brain & (self._image > BLOOD_LEVEL)
        near = ndimage.binary_dilation(blood, iterations=2) & self._brain & ~blood
        found = np.flatnonzero(near)
        chosen = self._rng.choice(found, min(60, found.size), replace=False)
        return np.stack(np.unravel_index(chosen, near.shape), axis=1).astype(float)


def _draw(
    image: Array,
    core: Array,
    numbers: NDArray[np.uint16],
    inside: NDArray[np.bool_],
    centre: NDArray[np.float64],
    plan: Plan,
    number: int,
    levels: GreyLevels,
    rng: np.random.Generator,
) -> bool:
    """Draw one lesion and its oedema; False when less than a voxel of it lies inside the brain."""
    swelling = swelling_mm(plan, rng)
    shape = draw_shape(
        centre, plan.diameter_mm, image.shape, rng, margin_mm=1.3 * swelling, ragged=plan.ragged
    )
    box = shape.box()
    share = share_inside(shape.distance) * inside[box]
    new = (share >= 0.5) & (numbers[box] == 0)
    if not new.any():
        return False
    if swelling:
        add_oedema(image[box], shape.distance, swelling, rng)
    level = appearance(shape.distance, plan, levels.enhancement, rng)
    image[box] += share * (level - image[box])
    core[box] = np.maximum(core[box], share)
    numbers[box][new] = number
    return True


def swelling_mm(plan: Plan, rng: np.random.Generator) -> float:
    """Draw how far oedema reaches around a lesion; 0: no oedema."""
    if plan.diameter_mm < 7 or rng.random() < 0.35:
        return 0.0
    return float(rng.uniform(2, 6) + min(plan.diameter_mm, 30) * rng.uniform(0.1, 0.4))


def add_oedema(image: Array, distance: Array, width_mm: float, rng: np.random.Generator) -> None:
    """Darken the surroundings, bright tissue more than the rest; `image` is changed in place."""
    ragged = distance + 0.35 * width_mm * smooth_noise(rng, distance.shape, scale_mm=8)
    strength = np.clip(1.2 - ragged / width_mm, 0, 1) * rng.uniform(0.08, 0.4)
    image -= strength * np.clip(image - 0.55, 0, 0.6)


def appearance(distance: Array, plan: Plan, enhancement: float, rng: np.random.Generator) -> Array:
    """Grey level of a lesion at every voxel of its box, white matter being 1.

    `distance` is signed, in mm; `enhancement` is the level of tissue that takes up contrast agent.
    """
    bright = 1 + (enhancement - 1) * rng.uniform(0.55, 1.35)
    grain = smooth_noise(rng, distance.shape, scale_mm=max(2.0, plan.diameter_mm / 6))
    if plan.kind is Kind.FAINT:
        bright = rng.uniform(1.06, 1.25)
    if plan.kind is Kind.RING:
        bright = max(bright, 1.08 if rng.random() < 0.3 else 1.25)
    level = bright * (1 + rng.uniform(0.02, 0.08) * grain)
    if plan.kind is Kind.MOTTLED:
        dark = rng.uniform(0.75, 1.0)
        patches = np.clip(0.5 + 0.9 * grain + rng.uniform(0, 0.5), 0, 1)
        level = dark + patches * (bright - dark)
    if plan.kind is Kind.NODULAR:
        body = rng.uniform(1.0, 1.18) * (1 + rng.uniform(0.02, 0.08) * grain)
        level = body + _nodules(rng, body.shape, rarest=1.4) * (max(bright, 1.3) - body)
    if plan.kind is Kind.RING:
        level = _ring(distance, level, plan, rng)
    return np.asarray(level, dtype=np.float32)


def _ring(distance: Array, rim: Array, plan: Plan, rng: np.random.Generator) -> Array:
    """A bright rim 0.7 to 4.5 mm wide, uneven, around a dark centre that septa may cross; the rim
    of a large lesion may be open, with bright nodules within, but a thin one is not: nothing of
    the lesion would enhance.
    """
    cystic = rng.random() < 0.4
    thin = cystic and rng.random() < 0.5
    width = rng.uniform(0.7, 1.5) if thin else rng.uniform(1.2, 4.5) + plan.diameter_mm / 40
    width = min(width, plan.diameter_mm * 0.3)
    uneven = smooth_noise(rng, distance.shape, scale_mm=max(3.0, plan.diameter_mm / 4))
    is_open = plan.diameter_mm > OPEN_ABOVE_MM and rng.random() < 0.6 and not thin
    swing, least = (rng.uniform(0.8, 1.6), -1.0) if is_open else (rng.uniform(0.1, 0.9), 0.5)
    depth = np.maximum(width * (1 + swing * uneven), least)
    centre = share_inside(distance + depth, edge_mm=1.5)
    rim = rim * np.clip(1 + rng.uniform(0.0, 0.25) * uneven, 0.6, 1.5)
    dark = rng.uniform(0.25, 0.55) if cystic else rng.uniform(0.5, 1.0)
    debris = smooth_noise(rng, distance.shape, scale_mm=4)
    floor = dark * (1 + (0.03 if cystic else rng.uniform(0.05, 0.25)) * debris)
    if plan.diameter_mm > 12 and rng.random() < 0.4:
        sheets = np.abs(smooth_noise(rng, distance.shape, scale_mm=plan.diameter_mm / 3))
        septa = np.clip(1 - sheets / rng.uniform(0.1, 0.25), 0, 1) * rng.uniform(0.4, 1.0)
        floor = floor + septa * (rim - floor)
    if is_open:
        floor = floor + _nodules(rng, distance.shape, rarest=2.2) * (rim - floor)
    return np.asarray(rim + centre * (floor - rim), dtype=np.float32)


def _nodules(rng: np.random.Generator, shape: Shape, *, rarest: float) -> Array:
    """Lumps of 2.5 to 6 mm: how far each voxel is one, in [0, 1]. They begin 0.8 to `rarest`
    deviations above the mean of smooth noise.
    """
    lumps = smooth_noise(rng, shape, scale_mm=rng.uniform(2.5, 6))
    return np.asarray(np.clip(2 * (lumps - rng.uniform(0.8, rarest)), 0, 1), dtype=np.float32)
