import numpy as np
import pytest

from imaging.lesions import LesionRule
from models.training.cases import Source
from models.training.thresholds import (
    GROW,
    Candidate,
    Candidates,
    candidates,
    choose_rule,
    merit,
    outcome,
)


def head(*items, source=Source.SYNTHETIC, reference_mm3=100.0, lesions=1):
    return Candidates(source, reference_mm3, lesions, items)


def candidate(peak=0.9, volume=100.0, slices=4, overlap=0.0, hits=()):
    return Candidate(peak, volume, slices, overlap, frozenset(hits))


RIGHT = candidate(overlap=100.0, hits={1})
FALSE = candidate(peak=0.6, volume=40.0)


def test_candidates_are_components_with_what_they_touch():
    mean = np.zeros((6, 10, 10), dtype=np.float32)
    mean[1:4, 1:4, 1:4] = 0.6
    mean[2, 2, 2] = 0.9
    mean[5, 8, 8] = 0.7
    reference = np.zeros(mean.shape, dtype=bool)
    reference[1:3, 1:4, 1:4] = True
    found = candidates(mean, reference, source=Source.SYNTHETIC, grow=0.5, voxel_mm3=2.0)
    assert (found.lesions, found.reference_mm3) == (1, 36.0)  # 2 x 3 x 3 voxels of 2 mm3
    first, second = found.items
    assert first == Candidate(pytest.approx(0.9), 54.0, 3, 36.0, frozenset({1}))
    assert second == Candidate(pytest.approx(0.7), 2.0, 1, 0.0, frozenset())


@pytest.mark.parametrize(
    ("rule", "dice", "false"),
    [
        (LesionRule(0.5, 0.5, 10.0, 2), 200 / 240, 1),  # 2 * 100 / (140 + 100)
        (LesionRule(0.7, 0.5, 10.0, 2), 1.0, 0),  # the seed drops the false one
        (LesionRule(0.5, 0.5, 50.0, 2), 1.0, 0),  # so does the volume
        (LesionRule(0.5, 0.5, 10.0, 5), 0.0, 0),  # too few slices: all dropped
    ],
)
def test_a_rule_keeps_and_drops(rule, dice, false):
    found = outcome(head(RIGHT, FALSE), rule)
    assert found.dice == pytest.approx(dice)
    assert found.false == false
    assert found.found + found.missed == 1


def test_a_head_without_lesions_and_candidates_is_right():
    rule = LesionRule(0.7, 0.5, 10.0, 2)
    assert outcome(head(reference_mm3=0.0, lesions=0), rule).dice == 1.0


def test_merit_weighs_synthetic_and_real_heads_alike():
    rule = LesionRule(0.5, 0.5, 10.0, 2)
    perfect = outcome(head(RIGHT), rule)
    missed = outcome(head(source=Source.TUMOUR), rule)
    assert merit([perfect]) == pytest.approx(1.0)
    assert merit([perfect, perfect, perfect, missed]) == pytest.approx(0.5)


def test_false_lesions_in_a_brain_without_any_lower_the_merit_of_the_real_heads():
    rule = LesionRule(0.5, 0.5, 10.0, 2)
    right = outcome(head(RIGHT, source=Source.TUMOUR), rule)
    wrong = outcome(head(FALSE, source=Source.NEGATIVE, reference_mm3=0.0, lesions=0), rule)
    assert merit([right, wrong]) == pytest.approx((1.0 + 2 / 3) / 2)  # Dice 1, F1 2 / (2 + 1)


def test_the_chosen_rule_drops_what_is_false_and_keeps_what_is_right():
    found = head(RIGHT, FALSE)
    rule, best = choose_rule([dict.fromkeys(GROW, found)])
    assert best == pytest.approx(1.0)
    assert outcome(found, rule).false == 0
