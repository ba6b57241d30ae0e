"""Dice and false components on whole held-out heads while a run goes."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.averaging import Network, predict_slices
from models.inputs import InputContract, equalise
from training.data.cases import Case, Source

_CUBE = np.ones((3, 3, 3), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class Score:
    """One head at one threshold. Counts are of 26-connected components at 1 mm."""

    name: str
    kind: Source
    dice: float
    lesions: int
    found: int
    false_components: int

    def line(self) -> str:
        """Plain words for a log."""
        return (
            f"{self.kind} {self.name}: Dice {self.dice:.3f}, found {self.found} of {self.lesions}, "
            f"{self.false_components} false"
        )


def predict_case(forward: Network, case: Case, contract: InputContract) -> NDArray[np.float32]:
    """Probabilities ``(z, h, w)`` of a case."""
    normalised = case.floor + np.float32(case.step) * case.voxels.astype(np.float32)
    normalised = normalised.astype(np.float32)
    return np.asarray(predict_slices(forward, normalised, equalise(normalised, contract))[0])


def score(
    probability: NDArray[np.float32], case: Case, *, threshold: float = 0.5, least_voxels: int = 30
) -> Score:
    """Measure a head; predicted components under `least_voxels` are dropped first."""
    truth = case.unpacked(case.mask) > 0
    labels, _ = ndimage.label(probability > threshold, structure=_CUBE)
    sizes = np.bincount(labels.ravel())
    keep = sizes >= least_voxels
    keep[0] = False
    found = keep[labels]
    both = int(np.count_nonzero(truth & found))
    total = int(np.count_nonzero(truth)) + int(np.count_nonzero(found))
    hit = set(np.unique(labels[truth & found]).tolist())
    lesions, count = ndimage.label(truth, structure=_CUBE)
    return Score(
        case.name,
        case.source,
        2.0 * both / total if total else 1.0,
        count,
        len(set(np.unique(lesions[truth & found]).tolist()) - {0}),
        int(np.count_nonzero(keep)) - len(hit - {0}),
    )


def summary(scores: Sequence[Score]) -> dict[str, float]:
    """Mean Dice, share of all lesions found and false components per head of each kind,
    ``dice_tumour``, ``sensitivity_tumour``, ``false_tumour`` and so on; absent kinds are left out.
    """
    result: dict[str, float] = {}
    for kind in Source:
        of_kind = [item for item in scores if item.kind == kind]
        if of_kind:
            with_lesions = [item.dice for item in of_kind if item.lesions]
            if with_lesions:
                result[f"dice_{kind}"] = float(np.mean(with_lesions))
                lesions = sum(item.lesions for item in of_kind)
                result[f"sensitivity_{kind}"] = sum(item.found for item in of_kind) / lesions
            result[f"false_{kind}"] = float(np.mean([item.false_components for item in of_kind]))
    return result


class DeepestOutput:
    """The deepest output of a model in training, on arrays. `Model.predict` leaks in long loops."""

    def __init__(self, model: keras.Model) -> None:
        self.name = str(model.name)
        self._model = model

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(n, H, W, channels)`` to ``(n, H, W, outputs)``."""
        outputs = self._model.predict_on_batch(batch)
        last = outputs[-1] if isinstance(outputs, list) else outputs
        return np.asarray(last, dtype=np.float32)
