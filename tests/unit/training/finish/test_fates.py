"""What became of lesions: the latest fate of the candidates in each."""

import numpy as np
import pytest

from imaging.lesions.candidates import Evidence
from imaging.lesions.rule import LesionRule
from imaging.volume import Volume
from training.finish.fates import ENDS, MARKED, UNSEEN, fates
from training.report.fate_tables import fate_counts, fate_table

SHAPE = (10, 40, 60)
GRID = Volume(np.ones(SHAPE, np.float32), np.eye(4))
RULE = LesionRule(0.7, 0.4, 20.0, 2, 0.5)

# Where each lesion lies along the columns, how high its probability is, how many slices of it
# answer, the probability of brain, and its fate.
CASES = {
    "kept": (0, 0.9, 4, 1.0, MARKED),
    "below_grow": (10, 0.3, 4, 1.0, UNSEEN),
    "below_seed": (20, 0.6, 4, 1.0, "no voxel reaches the seed threshold"),
    "one_slice": (30, 0.9, 1, 1.0, "smaller than the minimum volume"),
    "no_brain": (40, 0.9, 4, 0.2, "outside the brain"),
}


def evidence_and_reference(*cases):
    mean, brain, reference = (np.zeros(SHAPE, np.float32) for _ in range(3))
    for column, probability, slices, is_brain, _ in cases:
        reference[2:6, 10:14, column : column + 4] = 1
        mean[2 : 2 + slices, 10:14, column : column + 4] = probability
        brain[2:6, 10:14, column : column + 4] = is_brain
    return Evidence(GRID, mean, [mean], brain), reference > 0


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_lesion_of_the_reference_has_a_fate(case):
    (fate,) = fates(*evidence_and_reference(case), RULE)
    assert fate.end == case[-1]
    assert fate.diameter_mm == pytest.approx((6 * 64 / np.pi) ** (1 / 3))


def test_the_fate_of_a_lesion_is_that_of_its_latest_candidate():
    doubtful, sure = (0, 0.6, 4, 1.0, ""), (5, 0.9, 4, 1.0, "")
    evidence, _ = evidence_and_reference(doubtful, sure)
    around_both = np.zeros(SHAPE, dtype=bool)
    around_both[2:6, 10:14, :9] = True
    assert [one.end for one in fates(evidence, around_both, RULE)] == [MARKED]


def test_lesions_are_counted_by_size_and_fate():
    counts = fate_counts(fates(*evidence_and_reference(*CASES.values()), RULE))
    assert counts["3-5"] == {end: sum(c[-1] == end for c in CASES.values()) for end in ENDS}
    assert sum(sum(ends.values()) for ends in counts.values()) == len(CASES)
    lines = list(fate_table(counts))
    assert lines[0].startswith(f"| mm | {MARKED} | ")
    assert lines[3] == "| 3-5 | 1 | 0 | 1 | 0 | 1 | 1 | 1 |"


def test_a_reference_without_lesions_has_no_fates():
    evidence, reference = evidence_and_reference()
    assert fates(evidence, reference, RULE) == []
