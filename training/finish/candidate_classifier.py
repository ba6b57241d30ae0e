"""The candidate classifier, learnt from candidates of held-out heads."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from imaging.lesions.rule import CandidateClassifier

# Weight of the squared weights beside the mean cross-entropy: there are a few hundred candidates.
_RIDGE: Final = 0.01
# With fewer of a kind there is nothing to learn.
LEAST_OF_A_KIND: Final = 10


def fit_classifier(
    seen: NDArray[np.float64], lesion: NDArray[np.bool_], *, least: float
) -> CandidateClassifier | None:
    """Logistic regression of ``(n, F)`` features on whether a candidate touches a lesion.

    Lesions together weigh as much as the other candidates. None when there are too few of a kind.
    """
    if min(lesion.sum(), (~lesion).sum()) < LEAST_OF_A_KIND:
        return None
    centre = seen.mean(axis=0)
    scale = np.maximum(seen.std(axis=0), 1e-3)
    x = (seen - centre) / scale
    share = np.where(lesion, 0.5 / lesion.mean(), 0.5 / (~lesion).mean()) / lesion.size
    sign = np.where(lesion, 1.0, -1.0)

    def cost(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        odds = sign * (x @ theta[1:] + theta[0])
        wrong = -sign * share / (1.0 + np.exp(odds))
        value = float(share @ np.logaddexp(0.0, -odds) + _RIDGE * theta[1:] @ theta[1:])
        slope = np.concatenate([[wrong.sum()], x.T @ wrong + 2 * _RIDGE * theta[1:]])
        return value, slope

    found = minimize(cost, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B")
    theta = np.round(found.x, 4)
    return CandidateClassifier(
        centre=tuple(np.round(centre, 4).tolist()),
        scale=tuple(np.round(scale, 4).tolist()),
        weights=tuple(theta[1:].tolist()),
        bias=float(theta[0]),
        least=least,
    )


def scores(classifier: CandidateClassifier, seen: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability of lesion of ``(n, F)`` candidates."""
    return np.array([classifier.probability(row) for row in seen], dtype=np.float64)


def out_of_sample(
    seen: Sequence[NDArray[np.float64]], lesion: Sequence[NDArray[np.bool_]], *, parts: int = 5
) -> list[NDArray[np.float64]] | None:
    """Scores of each head's candidates by a classifier learnt from the heads of the other parts.

    None when there are too few candidates to learn one.
    """
    if len(seen) < parts:
        return None
    result: list[NDArray[np.float64]] = [np.zeros(0)] * len(seen)
    for part in range(parts):
        others = [index for index in range(len(seen)) if index % parts != part]
        classifier = fit_classifier(
            np.concatenate([seen[i] for i in others]),
            np.concatenate([lesion[i] for i in others]),
            least=0.5,
        )
        if classifier is None:
            return None
        for index in range(part, len(seen), parts):
            result[index] = scores(classifier, seen[index])
    return result
