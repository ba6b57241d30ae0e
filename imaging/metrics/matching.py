"""Lesions as components, and which of two masks belong together."""

from typing import Final

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from imaging.metrics.overlap import Mask

CONNECTIVITY: Final = 26  # BraTS-METS 2025
MATCH_DICE = 1e-6  # BraTS-METS 2025: a pair is matched above this Dice

Labels = NDArray[np.unsignedinteger]


def components(mask: Mask) -> tuple[Labels, int]:
    """26-connected components, numbered from 1, and how many."""
    # cc3d 4.1.1 fails on lines of odd length, [1, 0, 1] as (1, 1, 3): it reserves a label too few.
    labels, count = cc3d.connected_components(
        np.pad(mask, 1), connectivity=CONNECTIVITY, return_N=True
    )
    return labels[1:-1, 1:-1, 1:-1], int(count)


def match(referred: Labels, expected: int, predicted: Labels, found: int) -> dict[int, int]:
    """Reference lesion to predicted lesion, one to one, for the greatest sum of Dice.

    `referred` holds labels 1 to `expected`, `predicted` 1 to `found`.
    """
    both = (referred > 0) & (predicted > 0)
    overlap = np.zeros((expected + 1, found + 1))
    np.add.at(overlap, (referred[both], predicted[both]), 1.0)
    sizes = np.bincount(referred[referred > 0], minlength=expected + 1)[:, None] + np.bincount(
        predicted[predicted > 0], minlength=found + 1
    )
    scores = (2.0 * overlap / np.maximum(sizes, 1))[1:, 1:]
    rows, columns = linear_sum_assignment(scores, maximize=True)
    return {
        int(row) + 1: int(column) + 1
        for row, column in zip(rows, columns, strict=True)
        if scores[row, column] > MATCH_DICE
    }
