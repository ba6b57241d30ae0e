"""How much a lesion stands out from what surrounds it, and how many were found by that."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.metrics.bins import DiameterBin, by_diameter
from imaging.volume import Volume
from models.training.accuracy import found_cell

# A lesion's surroundings, from its edge outwards.
_FROM_MM, _TO_MM = 1.0, 4.0
# Of a normal distribution, standard deviation over median absolute deviation.
_DEVIATION = 1.4826
# The classes of contrast and their upper ends.
CLASSES: Final = {"<2": 2.0, "2-4": 4.0, ">=4": np.inf}

ByContrast = Mapping[str, tuple[DiameterBin, ...]]


def contrast(volume: Volume, lesions: NDArray[np.integer], number: int) -> float:
    """How far the brighter part of a lesion lies above what surrounds it, in the latter's noise.

    From the third quartile of the lesion the median of its surroundings is taken, 1 to 4 mm from
    its edge, other lesions left out; the difference is divided by their standard deviation (from
    the median absolute deviation). 0 where nothing surrounds it or where that is constant.

    Parameters
    ----------
    lesions
        ``(Z, H, W)``, numbered; 0 is none.
    number
        Which of them.
    """
    box = _around(lesions == number, volume.spacing)
    lesion, voxels = lesions[box] == number, volume.voxels[box]
    away_mm = ndimage.distance_transform_edt(~lesion, sampling=volume.spacing)
    shell = voxels[(away_mm > _FROM_MM) & (away_mm <= _TO_MM) & (lesions[box] == 0)]
    if not shell.size:
        return 0.0
    middle = np.median(shell)
    deviation = _DEVIATION * np.median(np.abs(shell - middle))
    return float((np.percentile(voxels[lesion], 75) - middle) / deviation) if deviation else 0.0


def _around(mask: NDArray[np.bool_], spacing: tuple[float, ...]) -> tuple[slice, ...]:
    (box,) = ndimage.find_objects(mask.astype(np.uint8))
    margins = (int(np.ceil(_TO_MM / step)) for step in spacing)
    return tuple(
        slice(max(0, side.start - margin), side.stop + margin)
        for side, margin in zip(box, margins, strict=True)
    )


def by_contrast(lesions: Iterable[tuple[float, float, bool]]) -> ByContrast:
    """Count lesions, each its contrast, its diameter in mm and whether it was found."""
    among: dict[str, list[tuple[float, bool]]] = {name: [] for name in CLASSES}
    for value, diameter_mm, found in lesions:
        name = next(name for name, below in CLASSES.items() if value < below)
        among[name].append((diameter_mm, found))
    return {name: by_diameter(lesions) for name, lesions in among.items()}


def contrast_table(counts: ByContrast) -> Iterator[str]:
    """Markdown: a row for each class of contrast, a column for each bin of diameters."""
    sizes = [f"{one.name} mm" for one in by_diameter(())]
    yield "| contrast | " + " | ".join(sizes) + " |"
    yield "|---" * (len(sizes) + 1) + "|"
    for name, bins in counts.items():
        yield f"| {name} | " + " | ".join(map(found_cell, bins)) + " |"
