"""How much a lesion stands out from what surrounds it."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import median_abs_deviation

from imaging.lesions.candidates import Box, surroundings
from imaging.volume import Volume


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
