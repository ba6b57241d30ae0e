"""How much a lesion stands out from what surrounds it, and how many were found by that."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import median_abs_deviation

from imaging.lesions.candidates import Box, surroundings
from imaging.metrics.bins import DiameterBin, by_diameter
from imaging.volume import Volume
from training.report.accuracy import found_cell

# The classes of conspicuity and their upper ends.
CLASSES: Final = {"<2": 2.0, "2-4": 4.0, ">=4": np.inf}

ByConspicuity = Mapping[str, tuple[DiameterBin, ...]]


def conspicuities(volume: Volume, lesions: NDArray[np.integer]) -> list[float]:
    """How far the brighter part of each lesion lies above what surrounds it, in the latter's noise.

    From the third quartile of the lesion the median of its surroundings is taken, 1.5 to 4.5 mm
    from its edge, other lesions left out; the difference is divided by their standard deviation
    (from the median absolute deviation). 0 where nothing surrounds it or where that is constant.

    Parameters
    ----------
    lesions
        ``(Z, H, W)``, numbered from 1 without gaps; 0 is not a lesion.
    """
    boxes = enumerate(ndimage.find_objects(lesions), start=1)
    return [_conspicuity(volume, lesions, number, (z, y, x)) for number, (z, y, x) in boxes]


def _conspicuity(volume: Volume, lesions: NDArray[np.integer], number: int, box: Box) -> float:
    lesion = lesions[box] == number
    around, shell = surroundings(lesion, box, volume)
    outside = volume.voxels[around][shell & (lesions[around] == 0)]
    deviation = median_abs_deviation(outside, scale="normal") if outside.size else 0.0
    if not deviation:
        return 0.0
    bright = np.percentile(volume.voxels[box][lesion], 75)
    return float((bright - np.median(outside)) / deviation)


def by_conspicuity(lesions: Iterable[tuple[float, float, bool]]) -> ByConspicuity:
    """Count lesions, each its conspicuity, its diameter in mm and whether it was found."""
    among: dict[str, list[tuple[float, bool]]] = {name: [] for name in CLASSES}
    for value, diameter_mm, found in lesions:
        name = next(name for name, below in CLASSES.items() if value < below)
        among[name].append((diameter_mm, found))
    return {name: by_diameter(lesions) for name, lesions in among.items()}


def conspicuity_table(counts: ByConspicuity) -> Iterator[str]:
    """Markdown: a row for each class of conspicuity, a column for each bin of diameters."""
    sizes = [f"{one.name} mm" for one in by_diameter(())]
    yield "| conspicuity | " + " | ".join(sizes) + " |"
    yield "|---" * (len(sizes) + 1) + "|"
    for name, bins in counts.items():
        yield f"| {name} | " + " | ".join(map(found_cell, bins)) + " |"
