"""A synthetic head after contrast agent, with metastases, from a label map."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.inputs import head_box
from training.synthesis import labels as lb
from training.synthesis.acquisition import Protocol, acquire, acquire_mask, draw_protocol
from training.synthesis.anatomy import draw_grey_levels, paint
from training.synthesis.deform import crop_to_head, deform
from training.synthesis.fields import Array
from training.synthesis.lesions import Drawn, Plan, add_lesions, draw_plans
from training.synthesis.stripping import Stripping, depth_mm, draw_stripping, left_standing
from training.synthesis.vessels import add_vessels

HARD_NEGATIVES = 400
BRAIN_MARGIN_MM = 1.0
BELOW_BRAIN_MM = 30


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticHead:
    """A head on the 1 mm axial grid: slices to the head, rows to posterior, columns to left.

    `voxels` uint8 ``(Z, H, W)``; `lesions` uint16, the numbers of `drawn`, 0 elsewhere; `brain`
    with its sulci, ventricles and lesions; `hard_negatives` int16 ``(N, 3)``: bright voxels away
    from lesions, (slice, row, column).
    """

    voxels: NDArray[np.uint8]
    lesions: NDArray[np.uint16]
    brain: NDArray[np.bool_]
    hard_negatives: NDArray[np.int16]
    drawn: tuple[Drawn, ...]
    seed: int
    stripping: Stripping
    thickness_mm: float


def synthesise_head(
    label_map: NDArray[np.uint16],
    *,
    seed: int,
    plans: list[Plan] | None = None,
    stripping: Stripping | None = None,
    protocol: Protocol | None = None,
) -> SyntheticHead:
    """Draw a head. The same arguments give the same head.

    Parameters
    ----------
    label_map
        ``(Z, H, W)`` at 1 mm in axial order, SynthSeg's numbers; left as it was.
    seed
        Not negative.
    plans, stripping, protocol
        Drawn from the seed where None.

    Raises
    ------
    ValueError
        `label_map` is not three-dimensional or holds no brain.
    """
    if label_map.ndim != 3 or not lb.is_in(label_map, lb.WHITE).any():
        raise ValueError(f"label_map must be (Z, H, W) with white matter, got {label_map.shape}")
    rng = np.random.default_rng(seed)
    stripping = stripping or draw_stripping(rng)
    protocol = protocol or draw_protocol(rng)
    plans = draw_plans(rng) if plans is None else plans
    labels, seen, numbers, drawn = _scan(label_map, plans, protocol, rng)
    depth = depth_mm(labels)
    keep = left_standing(depth, stripping, rng) | (numbers > 0)
    brain = keep & ((depth < BRAIN_MARGIN_MM) | (numbers > 0))
    if stripping is not Stripping.NONE:
        seen *= keep
        box = head_box(keep, margin=8)
        seen, numbers, brain, labels = seen[box], numbers[box], brain[box], labels[box]
        drawn = [_shift(lesion, box) for lesion in drawn]
    bright = _hard_negatives(seen, labels, numbers, rng)
    return SyntheticHead(
        voxels=_to_bytes(seen),
        lesions=numbers,
        brain=brain,
        hard_negatives=bright,
        drawn=tuple(drawn),
        seed=seed,
        stripping=stripping,
        thickness_mm=protocol.thickness_mm,
    )


def _scan(
    label_map: NDArray[np.uint16], plans: list[Plan], protocol: Protocol, rng: np.random.Generator
) -> tuple[NDArray[np.uint16], Array, NDArray[np.uint16], list[Drawn]]:
    """Another head from the label map, its scan, the lesion numbers in it and the lesions."""
    labels = deform(crop_to_head(label_map, below_mm=BELOW_BRAIN_MM), rng)
    levels = draw_grey_levels(rng)
    image = paint(labels, levels, rng)
    add_vessels(image, labels, levels, rng)
    core, numbers, drawn = add_lesions(image, labels, plans, levels, rng)
    seen = acquire(image, protocol, rng)
    if rng.random() < 0.5:  # many scanners show air as nothing
        seen *= ndimage.binary_dilation(labels > 0, iterations=2)
    return labels, seen, acquire_mask(core, numbers, protocol), drawn


def _shift(lesion: Drawn, box: tuple[slice, slice, slice]) -> Drawn:
    z, y, x = (c - s.start for c, s in zip(lesion.centre, box, strict=True))
    return Drawn(lesion.number, lesion.diameter_mm, lesion.kind, (z, y, x))


def _to_bytes(voxels: Array) -> NDArray[np.uint8]:
    """Scale to 0..255 with the brightest 0.05 % cut: the input contract cuts more."""
    top = float(np.percentile(voxels[::2, ::2, ::2], 99.95))
    return np.asarray(np.clip(np.rint(voxels * (255 / top)), 0, 255), dtype=np.uint8)


def _hard_negatives(
    voxels: Array, labels: NDArray[np.uint16], numbers: NDArray[np.uint16], rng: np.random.Generator
) -> NDArray[np.int16]:
    """Bright voxels more than 5 mm from a lesion, in and next to the brain."""
    brain = lb.is_in(labels, lb.BRAIN)
    level = float(np.median(voxels[brain])) * 1.25
    near_brain = ndimage.binary_dilation(brain, iterations=5)
    near_lesion = ndimage.binary_dilation(numbers > 0, iterations=5)
    found = np.flatnonzero((voxels > level) & near_brain & ~near_lesion)
    if found.size == 0:
        return np.zeros((0, 3), dtype=np.int16)
    chosen = rng.choice(found, min(HARD_NEGATIVES, found.size), replace=False)
    return np.stack(np.unravel_index(chosen, voxels.shape), axis=1).astype(np.int16)
