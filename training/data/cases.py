"""Training cases in memory: eight bits per voxel, and the points that crops are taken around."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.connected import connected
from models.inputs import InputContract, find_head, head_box, normalise
from training.data.real_cases import RealCase
from training.heads.heads import StoredHead

POINTS_PER_LESION = 64
# Smaller specks of a reference mask are not worth aiming at.
LEAST_VOXELS = 6
# Lesions below this, a ball of 7 mm, weigh more in the loss: they have few voxels. In a single
# slice the limit is the area of that ball's middle.
SMALL_VOXELS = 180
SMALL_PIXELS = 38
POINTS_ELSEWHERE = 800
# A head is whole when it has this much tissue outside the brain, relative to the brain. In a
# stripped one all tissue is brain: with full weight the networks would take all tissue for brain.
WHOLE = 0.3
STRIPPED_BRAIN_WEIGHT = 0.1
# Bright in a real scan: the brightest 6 % of the head, about where vessels begin.
BRIGHT_PERCENTILE = 94.0


class Source(StrEnum):
    """Where a case comes from; the crop mix is set by source."""

    SYNTHETIC = "synthetic"
    TUMOUR = "tumour"
    NEGATIVE = "negative"
    IMPLANT = "implant"
    SLICE = "slice"


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A head, cropped to itself; normalised intensity = ``floor + step * voxels``.

    `voxels` uint8 ``(Z, H, W)``; `mask`, `small` and `brain` hold bits packed along columns: the
    lesions, those of fewer than `SMALL_VOXELS`, and the brain, None where it is not known; its
    voxels weigh `brain_weight` when brain is taught, others 1. `unsure`, packed alike, marks where
    it is not known whether there is a lesion: nothing is taught there. Points are ``(N, 3)`` voxel
    indices: some of each lesion, bright voxels away from lesions, and any voxels of the head; of a
    whole head, half of these lie outside the brain.
    """

    name: str
    source: Source
    voxels: NDArray[np.uint8]
    floor: float
    step: float
    mask: NDArray[np.uint8]
    small: NDArray[np.uint8]
    brain: NDArray[np.uint8] | None
    brain_weight: float
    unsure: NDArray[np.uint8] | None
    lesions: tuple[NDArray[np.int16], ...]
    bright: NDArray[np.int16]
    anywhere: NDArray[np.int16]

    @property
    def flat(self) -> bool:
        """Whether it is a single slice, which serves as its own neighbours."""
        return bool(self.voxels.shape[0] == 1)

    def seen_along(self, axis: int) -> NDArray[np.uint8]:
        """The voxels as slices across an axis: 0 axial, 1 coronal, 2 sagittal. The other axes keep
        their order.
        """
        return np.moveaxis(self.voxels, axis, 0)

    def bits_across(self, bits: NDArray[np.uint8], axis: int, index: int) -> NDArray[np.uint8]:
        """One such slice of packed bits, of 0 and 1."""
        if axis == 2:
            byte, bit = divmod(index, 8)
            return (bits[:, :, byte] >> np.uint8(7 - bit)) & np.uint8(1)
        return self.unpacked(np.take(bits, index, axis=axis))

    def unpacked(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Packed rows ``(..., H, W / 8)`` as ``(..., H, W)`` of 0 and 1."""
        return np.unpackbits(bits, axis=-1, count=self.voxels.shape[2])


def case_from_head(name: str, head: StoredHead, contract: InputContract) -> Case:
    """A synthetic head as a case."""
    voxels = head.voxels.astype(np.float32)
    return _case(
        name, Source.SYNTHETIC, voxels, head.lesions, head.brain, head.hard_negatives, contract
    )


def case_from_real(
    real: RealCase, contract: InputContract, *, source: Source | None = None
) -> Case:
    """A real scan as a case; without `source`, one with an empty mask is a negative."""
    source = source or (Source.TUMOUR if real.mask.any() else Source.NEGATIVE)
    lesions = connected(real.mask)[0].astype(np.uint16)
    return _case(real.name, source, real.voxels, lesions, real.brain, None, contract)


def case_from_slice(
    name: str,
    voxels: NDArray[np.float32],
    lesions: NDArray[np.uint16],
    unsure: NDArray[np.bool_],
    contract: InputContract,
) -> Case:
    """A real slice ``(1, H, W)``, the numbers of implanted lesions, and where its own tumour is:
    only implanted lesions are taught there.
    """
    return _case(name, Source.SLICE, voxels, lesions, None, None, contract, unsure=unsure)


def _case(
    name: str,
    source: Source,
    voxels: NDArray[np.float32],
    lesions: NDArray[np.uint16],
    brain: NDArray[np.bool_] | None,
    hard_negatives: NDArray[np.int16] | None,
    contract: InputContract,
    *,
    unsure: NDArray[np.bool_] | None = None,
) -> Case:
    head = find_head(voxels)
    box = head_box(head, margin=contract.margin)
    normal = normalise(voxels[box], head[box], contract)
    floor, top = float(normal.min()), float(normal.max())
    step = max(top - floor, 1e-6) / 255
    small = np.rint((normal - floor) / step).astype(np.uint8)
    rng = np.random.default_rng(small.size)
    numbers = lesions[box]
    if hard_negatives is None:
        lesion = numbers > 0 if unsure is None else (numbers > 0) | unsure[box]
        bright = _bright_points(small, head[box], lesion, rng)
    else:
        bright = _inside(hard_negatives - np.array([s.start for s in box], np.int16), small.shape)
    outside = head[box] if brain is None else head[box] & ~brain[box]
    whole = brain is not None and bool(outside.sum() > WHOLE * brain.sum())
    anywhere = _anywhere_points(head[box], outside if whole else None, rng)
    sizes = np.bincount(numbers.ravel())
    limit = SMALL_PIXELS if voxels.shape[0] == 1 else SMALL_VOXELS
    sizes[0] = limit
    return Case(
        name=name,
        source=source,
        voxels=small,
        floor=floor,
        step=step,
        mask=np.packbits(numbers > 0, axis=-1),
        small=np.packbits(sizes[numbers] < limit, axis=-1),
        brain=None if brain is None else np.packbits(brain[box], axis=-1),
        brain_weight=1.0 if whole else STRIPPED_BRAIN_WEIGHT,
        unsure=None if unsure is None else np.packbits(unsure[box], axis=-1),
        lesions=_lesion_points(numbers, rng),
        bright=bright,
        anywhere=anywhere,
    )


def _lesion_points(
    numbers: NDArray[np.uint16], rng: np.random.Generator
) -> tuple[NDArray[np.int16], ...]:
    found = ndimage.find_objects(numbers.astype(np.int32))
    points = []
    for number, box in enumerate(found, start=1):
        if box is None or (numbers[box] == number).sum() < LEAST_VOXELS:
            continue
        corner = np.array([side.start for side in box], dtype=np.int16)
        points.append(_points(numbers[box] == number, POINTS_PER_LESION, rng) + corner)
    return tuple(points)


def _anywhere_points(
    head: NDArray[np.bool_], outside: NDArray[np.bool_] | None, rng: np.random.Generator
) -> NDArray[np.int16]:
    """Half of them outside the brain where that is given."""
    points = _points(head, POINTS_ELSEWHERE, rng)
    if outside is None:
        return points
    half = POINTS_ELSEWHERE // 2
    return np.concatenate([points[:half], _points(outside, half, rng)])


def _bright_points(
    voxels: NDArray[np.uint8],
    head: NDArray[np.bool_],
    lesion: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.int16]:
    level = np.percentile(voxels[head], BRIGHT_PERCENTILE)
    near = ndimage.binary_dilation(lesion, iterations=5)
    return _points((voxels > level) & head & ~near, POINTS_ELSEWHERE, rng)


def _points(where: NDArray[np.bool_], count: int, rng: np.random.Generator) -> NDArray[np.int16]:
    found = np.flatnonzero(where)
    chosen = rng.choice(found, min(count, found.size), replace=False) if found.size else found
    return np.stack(np.unravel_index(chosen, where.shape), axis=1).astype(np.int16)


def _inside(points: NDArray[np.int16], shape: tuple[int, ...]) -> NDArray[np.int16]:
    kept = ((points >= 0) & (points < np.array(shape))).all(axis=1)
    return np.asarray(points[kept], dtype=np.int16)
