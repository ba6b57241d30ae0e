"""Cutting one crop out of a case and changing it: place, turn, size, intensities, sharpness."""

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.inputs import InputContract, equalise, stack
from training.data.cases import Case

CLAHE_CLIP_RANGE: Final = (1.0, 4.0)
CLAHE_TILE_RANGE_MM: Final = (22.0, 36.0)


@dataclass(frozen=True, slots=True)
class Changes:
    """What is done to a crop.

    `angle` in degrees, `plane_blur` in voxels, `slice_blur` the share of each neighbouring slice.
    The neighbours of a single slice are made of itself: the one below is larger by the factor
    `neighbour`, the one above smaller.
    `gamma` acts on intensities scaled to [0, 1], `gain` and `shift` on normalised ones.
    """

    angle: float
    scale: float
    flip_columns: bool
    flip_rows: bool
    gamma: float
    gain: float
    shift: float
    noise: float
    slice_blur: float
    plane_blur: float
    clahe_clip: float
    clahe_tile_mm: float
    neighbour: float = 1.0


def draw_changes(rng: np.random.Generator) -> Changes:
    """Draw the changes to one crop."""
    return Changes(
        angle=float(rng.uniform(-15, 15)),
        scale=float(np.exp(rng.normal(0, 0.08))),
        flip_columns=bool(rng.random() < 0.5),
        flip_rows=bool(rng.random() < 0.1),
        gamma=float(np.exp(rng.normal(0, 0.18))),
        gain=float(np.exp(rng.normal(0, 0.1))),
        shift=float(rng.normal(0, 0.12)),
        noise=float(rng.uniform(0, 0.12)) if rng.random() < 0.3 else 0.0,
        slice_blur=float(rng.uniform(0, 0.33)) if rng.random() < 0.3 else 0.0,
        plane_blur=float(rng.uniform(0.3, 0.9)) if rng.random() < 0.15 else 0.0,
        clahe_clip=float(rng.uniform(*CLAHE_CLIP_RANGE)),
        clahe_tile_mm=float(rng.uniform(*CLAHE_TILE_RANGE_MM)),
        neighbour=float(rng.uniform(0.97, 1.03)),
    )


def cut(
    case: Case,
    centre: tuple[int, int, int],
    size: int,
    changes: Changes,
    contract: InputContract,
    rng: np.random.Generator,
    *,
    axis: int = 0,
    small_weight: float = 1.0,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cut ``(size, size, 4)`` network input and its ``(size, size, 4)`` truth around `centre`.

    Slices are perpendicular to `axis`, see `Case.seen_along`; `centre` is slice, row and column.
    The truth holds lesion and its weight, which is `small_weight` on small lesions and 1 elsewhere,
    then brain and its weight, which is 0 where the brain is not known. Outside the case is air.
    `rng` draws the noise only.
    """
    index, row, column = centre
    turn = _turn(row, column, size, changes)
    turned = _turned_planes(case, axis, centre, size, changes)
    truth = _truth(case, axis, index, turn, size, small_weight)
    if changes.plane_blur:
        turned = np.stack([cv2.GaussianBlur(p, (0, 0), changes.plane_blur) for p in turned])
    normal, limits = _intensities(turned, case, changes)
    if changes.noise:
        grain = rng.standard_normal(normal.shape, dtype=np.float32)
        normal = normal + np.float32(changes.noise) * grain
    clahe = equalise(
        normal[1:2],
        contract,
        clip_limit=changes.clahe_clip,
        tile_mm=changes.clahe_tile_mm,
        value_range=limits,
    )
    image = stack(normal, np.broadcast_to(clahe, normal.shape), [1])[0]
    return _flip(image, changes), _flip(truth, changes)


def _turned_planes(
    case: Case, axis: int, centre: tuple[int, int, int], size: int, changes: Changes
) -> NDArray[np.float32]:
    """The slice below, the slice and the slice above, turned, ``(3, size, size)``."""
    index, row, column = centre
    turn = _turn(row, column, size, changes)
    if case.flat:
        ways = [
            _turn(row, column, size, replace(changes, scale=changes.scale * by))
            for by in (changes.neighbour, 1.0, 1.0 / changes.neighbour)
        ]
        return np.stack([_warp(case.voxels[0], way, size, cv2.INTER_LINEAR) for way in ways])
    voxels = case.seen_along(axis)
    slices = np.clip(np.arange(index - 2, index + 3), 0, voxels.shape[0] - 1)
    planes = voxels[slices] if changes.slice_blur else voxels[slices[1:4]]
    turned = np.stack([_warp(plane, turn, size, cv2.INTER_LINEAR) for plane in planes])
    return _slice_blur(turned, changes.slice_blur)


def _truth(
    case: Case, axis: int, index: int, turn: NDArray[np.float64], size: int, small_weight: float
) -> NDArray[np.float32]:
    """Lesion, its weight, brain and its weight of a turned slice, ``(size, size, 4)``."""

    def turned(bits: NDArray[np.uint8]) -> NDArray[np.float32]:
        plane = _warp(case.bits_across(bits, axis, index), turn, size, cv2.INTER_LINEAR)
        return np.asarray(plane >= 0.5, dtype=np.float32)

    lesion = turned(case.mask)
    weight = 1.0 + (small_weight - 1.0) * turned(case.small)
    if case.unsure is not None:
        weight = np.where((turned(case.unsure) > 0) & (lesion == 0), np.float32(0), weight)
    if case.brain is None:
        brain = known = np.zeros_like(lesion)
    else:
        brain = turned(case.brain)
        known = np.where(brain > 0, np.float32(case.brain_weight), np.float32(1.0))
    return np.stack([lesion, weight, brain, known], axis=-1).astype(np.float32)


def _turn(row: int, column: int, size: int, changes: Changes) -> NDArray[np.float64]:
    """OpenCV's 2 x 3 map: turn and scale about a pixel, which goes to the middle of the crop."""
    turn = np.array(
        cv2.getRotationMatrix2D((float(column), float(row)), changes.angle, changes.scale),
        dtype=np.float64,
    )
    turn[:, 2] += size / 2 - np.array([column, row])
    return turn


def _warp(
    plane: NDArray[np.uint8], turn: NDArray[np.float64], size: int, how: int
) -> NDArray[np.float32]:
    return np.asarray(
        cv2.warpAffine(plane.astype(np.float32), turn, (size, size), flags=how), dtype=np.float32
    )


def _slice_blur(planes: NDArray[np.float32], weight: float) -> NDArray[np.float32]:
    if not weight:
        return planes
    return np.asarray(
        planes[1:4] * (1 - 2 * weight) + weight * (planes[:3] + planes[2:]), dtype=np.float32
    )


def _intensities(
    planes: NDArray[np.float32], case: Case, changes: Changes
) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """Normalised intensities after gamma, gain and shift, and the head's range after them."""
    unit = np.power(planes / np.float32(255), np.float32(changes.gamma))
    span = 255 * case.step * changes.gain
    floor = case.floor * changes.gain + changes.shift
    return np.asarray(floor + span * unit, dtype=np.float32), (floor, floor + span)


def _flip(plane: NDArray[np.float32], changes: Changes) -> NDArray[np.float32]:
    rows = slice(None, None, -1 if changes.flip_rows else 1)
    columns = slice(None, None, -1 if changes.flip_columns else 1)
    return plane[rows, columns]
