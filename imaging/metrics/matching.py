"""Which lesions of two masks belong together."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from imaging.connected import Labels

MATCH_DICE = 1e-6  # BraTS-METS 2025: a pair is matched above this Dice


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
