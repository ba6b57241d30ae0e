"""What the rest of metseg asks of an ensemble; `models.averaging` has the one made of networks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from imaging.lesions.rule import LesionRule
from imaging.volume import Volume
from metseg.compute import Compute


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What the members say about one volume.

    Parameters
    ----------
    members
        Calibrated probability ``(Z, H, W)`` float32 in [0, 1] of each member, on the native grid.
    mean
        Their mean, same shape and range.
    brain
        Mean probability of brain, same shape and range; None when no member reports it.
    seconds
        Wall time by stage: prepare, infer.
    compute
        What it was computed on; None where the ensemble does not say.
    """

    members: Mapping[str, NDArray[np.float32]]
    mean: NDArray[np.float32]
    seconds: Mapping[str, float] = field(default_factory=dict)
    brain: NDArray[np.float32] | None = None
    compute: Compute | None = None


class Ensemble(Protocol):
    """Networks that see the same head. Implementations may come from other packages: see
    `models.catalogue`.
    """

    @property
    def version(self) -> str:
        """Names weights, input and rule; another version may give other results."""

    @property
    def rule(self) -> LesionRule:
        """What the ensemble's makers call a lesion."""

    def predict(
        self, volume: Volume, *, progress: Callable[[float], None] | None = None
    ) -> Prediction:
        """Segment a volume in any plane and unit. `progress` is called with the share done, 0 to 1.

        Raises
        ------
        OutOfMemoryError, DeviceError
            See `models.engines.keras_engine`.
        """
