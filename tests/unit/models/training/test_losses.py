import numpy as np
import pytest

from models.training.losses import cross_entropy, overlap_loss, soft_tversky
from models.training.schedule import Schedule, average_decay


def maps(*values):
    return np.array(values, dtype=np.float32).reshape(1, 1, -1, 1)


def test_a_perfect_answer_costs_nothing():
    truth = maps(1, 0, 1, 0)
    assert float(overlap_loss()(truth, truth)) == pytest.approx(0.0, abs=1e-4)


def test_cross_entropy_is_the_mean_over_voxels():
    # -(ln 0.5 + ln 0.75) / 2
    assert float(cross_entropy(maps(1, 0), maps(0.5, 0.25))) == pytest.approx(0.49041, abs=1e-4)


@pytest.mark.parametrize(
    ("miss_weight", "expected"),
    [
        (0.5, 2 / 3.5),  # hit 1, missed 1, false 2, smoothing 1: 2 / (1 + 0.5 + 1 + 1)
        (0.6, 2 / 3.4),  # 2 / (1 + 0.6 + 0.8 + 1)
    ],
)
def test_tversky_weighs_misses_against_false_alarms(miss_weight, expected):
    truth, answer = maps(1, 1, 0, 0), maps(1, 0, 1, 1)
    found = float(soft_tversky(truth, answer, miss_weight=miss_weight))
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_batch_without_lesions_and_answers_costs_nothing():
    nothing = maps(0, 0, 0)
    assert float(overlap_loss()(nothing, nothing)) == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("miss_weight", [0.0, 1.0])
def test_a_weight_outside_0_and_1_is_refused(miss_weight):
    with pytest.raises(ValueError, match="miss_weight must lie between 0 and 1"):
        overlap_loss(miss_weight=miss_weight)


@pytest.mark.parametrize(
    ("share", "rate"),
    [
        (-1.0, 1e-5),
        (0.0, 1e-5),
        (0.05, (1e-3 + 1e-5) / 2),  # half of the warm-up
        (0.1, 1e-3),
        (0.55, (1e-3 + 1e-5) / 2),  # half of the cosine
        (1.0, 1e-5),
        (2.0, 1e-5),
    ],
)
def test_the_rate_warms_up_and_falls_along_a_cosine(share, rate):
    assert Schedule(1e-3, 1e-5, warm_up=0.1).rate(share) == pytest.approx(rate)


def test_the_average_forgets_its_beginning_soon():
    assert average_decay(0) == pytest.approx(0.1)
    assert average_decay(10_000) == 0.995
