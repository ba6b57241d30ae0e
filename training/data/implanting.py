"""Real scans and slices with lesions drawn into them, as training cases."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final
from zlib import crc32

import numpy as np

from models.inputs import InputContract
from training.data.cases import Case, Source, case_from_real, case_from_slice
from training.data.implants import (
    ENHANCEMENT_RANGE,
    Ground,
    implant,
    implanted_case,
    surroundings,
)
from training.data.real_cases import RealCase
from training.data.slices import OutlinedSlice, read_outlines
from training.synthesis.lesions import DIAMETER_RANGE_MM, Kind, Plan, draw_plan

# Every run is validated with the same implants.
HELD_OUT_SEED: Final = 7
_PER_SCAN: Final = (6, 18)
_MEDIAN_MM: Final = 5.5
_LOG_DEVIATION: Final = 0.55
# Share of the single slices that get lesions, and the most that one gets.
_SLICES_WITH: Final = 0.6
_PER_SLICE: Final = 4
# Implants to measure with: the number of solid lesions in each scan, and their range in mm.
MEASURED: Final = ((3, (10.0, 15.0)), (4, (5.0, 8.0)), (2, (3.0, 4.0)))
# For a scan without a tumour: the median of those that have one.
_TYPICAL_ENHANCEMENT: Final = 1.4


def scan_to_measure(scan: RealCase) -> RealCase:
    """The scan with lesions drawn into it, always the same, as bright as its own tumour.

    A scan without a known brain is returned as it is.
    """
    ground = None
    if scan.brain is not None:
        ground = Ground.of(scan.voxels, scan.brain, surroundings(scan.mask))
    if ground is None:
        return scan
    rng = np.random.default_rng(crc32(scan.name.encode()))
    sizes = [rng.uniform(*mm) for count, mm in MEASURED for _ in range(count)]
    enhancement = _TYPICAL_ENHANCEMENT
    if scan.mask.any():
        bright = float(np.percentile(scan.voxels[scan.mask], 75)) / ground.white
        enhancement = max(bright, ENHANCEMENT_RANGE[0])
    plans = [Plan(float(size), Kind.SOLID) for size in sizes]
    voxels, numbers = implant(ground, plans, rng, enhancement=enhancement)
    return replace(scan, voxels=voxels, mask=scan.mask | (numbers > 0))


def implant_cases(
    scans: Sequence[RealCase], contract: InputContract, *, copies: int, seed: int
) -> list[Case]:
    """`copies` of each scan whose brain is known, each with other lesions drawn into it."""
    cases = []
    for number, scan in enumerate(scans):
        if scan.brain is None:
            continue
        for copy in range(copies):
            rng = np.random.default_rng([seed, number, copy])
            made = implanted_case(scan, _plans(rng, int(rng.integers(*_PER_SCAN))), rng)
            cases.append(case_from_real(made, contract, source=Source.IMPLANT))
    return cases


def slice_cases(
    path: Path, contract: InputContract, *, seed: int, part: slice = slice(None)
) -> list[Case]:
    """Single slices of a file, or a part of them; most get lesions drawn into the brain."""
    return [
        _slice_case(one, contract, np.random.default_rng([seed, one.head.number]))
        for one in read_outlines(path)[part]
    ]


def _slice_case(one: OutlinedSlice, contract: InputContract, rng: np.random.Generator) -> Case:
    voxels = one.head.voxels[None].astype(np.float32)
    unsure = one.head.tumour[None]
    lesions = np.zeros(voxels.shape, dtype=np.uint16)
    ground = Ground.of(voxels, one.brain[None], unsure)
    if ground is not None and rng.random() < _SLICES_WITH:
        plans = _plans(rng, int(rng.integers(1, _PER_SLICE + 1)))
        enhancement = float(rng.uniform(*ENHANCEMENT_RANGE))
        voxels, lesions = implant(ground, plans, rng, enhancement=enhancement)
    return case_from_slice(f"slice_{one.head.number:04d}", voxels, lesions, unsure, contract)


def _plans(rng: np.random.Generator, count: int) -> list[Plan]:
    """Sizes and kinds as in synthetic heads, but smaller; largest first."""
    sizes = np.exp(rng.normal(np.log(_MEDIAN_MM), _LOG_DEVIATION, count))
    plans = [draw_plan(float(d), rng) for d in np.clip(sizes, *DIAMETER_RANGE_MM)]
    return sorted(plans, key=lambda plan: -plan.diameter_mm)
