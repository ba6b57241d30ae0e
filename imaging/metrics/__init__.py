"""Measures of a segmentation, against a reference and without one. `docs/measures.md` has the
formulas.

Dice is the word for a comparison with a reference only. Between members it is called agreement.
"""

from imaging.metrics.bins import DIAMETER_EDGES_MM, DiameterBin
from imaging.metrics.entry import evaluation_entry
from imaging.metrics.evaluation import Detection, Evaluation, evaluate
from imaging.metrics.overlap import dice
from imaging.metrics.summary import Spread, Summary, summarise
from imaging.metrics.surfaces import SURFACE_TOLERANCE_MM, hd95, surface_dice
from imaging.metrics.without_reference import agreement, entropy, expected_dice

__all__ = [
    "DIAMETER_EDGES_MM",
    "SURFACE_TOLERANCE_MM",
    "Detection",
    "DiameterBin",
    "Evaluation",
    "Spread",
    "Summary",
    "agreement",
    "dice",
    "entropy",
    "evaluate",
    "evaluation_entry",
    "expected_dice",
    "hd95",
    "summarise",
    "surface_dice",
]
