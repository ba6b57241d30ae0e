"""What became of each lesion of a reference: marked, dropped for a reason, or never a candidate."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imaging.connected import connected
from imaging.lesions.candidates import Evidence, components
from imaging.lesions.find import refusal
from imaging.lesions.lesion import DropReason
from imaging.lesions.rule import LesionRule
from imaging.metrics.bins import equivalent_diameter_mm
from training.finish.conspicuity import conspicuities

UNSEEN: Final = "no candidate"
MARKED: Final = "marked"
# From the earliest end to the latest; of several candidates in a lesion the latest counts.
ENDS: Final = (UNSEEN, *(str(reason) for reason in DropReason), MARKED)


@dataclass(frozen=True, slots=True)
class Fate:
    """A reference lesion, its equivalent diameter, one of `ENDS`, and its conspicuity."""

    diameter_mm: float
    end: str
    conspicuity: float


def fates(evidence: Evidence, reference: NDArray[np.bool_], rule: LesionRule) -> list[Fate]:
    """One for each 26-connected component of the reference ``(Z, H, W)``.

    A lesion is marked when something that the rule keeps touches it: found in the sense of
    `imaging.metrics.evaluate`, or one with a neighbour.
    """
    truth, count = connected(reference)
    ends = np.zeros(count, dtype=np.intp)
    for component in components(evidence, rule.grow_threshold):
        numbers = np.unique(truth[component.box][component.mask])
        touched = numbers[numbers > 0].astype(np.intp) - 1
        if touched.size:
            end = ENDS.index(str(refusal(component, rule) or MARKED))
            ends[touched] = np.maximum(ends[touched], end)
    volumes = np.bincount(truth.ravel(), minlength=count + 1)[1:] * evidence.volume.voxel_volume_mm3
    return [
        Fate(equivalent_diameter_mm(float(volume)), ENDS[end], conspicuity)
        for volume, end, conspicuity in zip(
            volumes, ends, conspicuities(evidence.volume, truth), strict=True
        )
    ]
