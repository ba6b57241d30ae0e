import numpy as np
import pytest

from training.fit.losses import cross_entropy, overlap_loss, soft_tversky
from training.fit.schedule import Schedule, average_decay


def maps(*values):
    return np.array(values, dtype=np.float32).reshape(1, 1, -1)


def truth(lesion, *, brain=None, weight=None):
    """The truth of one row of pixels; the brain is unknown and the weight 1 unless given."""
    lesion = maps(*lesion)
    weight = maps(*weight) if weight else np.ones_like(lesion)
    known = np.ones_like(lesion) if brain else np.zeros_like(lesion)
    return np.stack([lesion, weight, maps(*brain) if brain else known, known], axis=-1)


def answer(*rows):
    return np.stack([maps(*row) for row in rows], axis=-1)


def test_a_perfect_answer_has_no_loss():
    lesion, brain = (1, 0, 1, 0), (1, 1, 1, 0)
    cost = overlap_loss()(truth(lesion, brain=brain), answer(lesion, brain))
    assert float(cost) == pytest.approx(0.0, abs=1e-4)


def test_an_unknown_brain_has_no_loss_and_a_wrong_one_does():
    lesion = (1, 0)
    right, wrong = answer(lesion, (1, 0)), answer(lesion, (0, 1))
    loss = overlap_loss()
    assert float(loss(truth(lesion), wrong)) == pytest.approx(0.0, abs=1e-4)
    assert float(loss(truth(lesion, brain=(1, 0)), wrong)) > 1.0
    assert float(loss(truth(lesion, brain=(1, 0)), right)) == pytest.approx(0.0, abs=1e-4)


def test_a_missed_pixel_of_a_small_lesion_has_a_larger_loss():
    lesion, missed = (1, 1, 0, 0), answer((1, 0.5, 0, 0))
    loss = overlap_loss()
    assert float(loss(truth(lesion, weight=(1, 3, 1, 1)), missed)) > float(
        loss(truth(lesion), missed)
    )


def test_cross_entropy_is_the_mean_over_voxels():
    # -(ln 0.5 + ln 0.75) / 2
    found = cross_entropy(maps(1, 0), maps(0.5, 0.25), maps(1, 1))
    assert float(found) == pytest.approx(0.49041, abs=1e-4)


@pytest.mark.parametrize(
    ("miss_weight", "expected"),
    [
        (0.5, 2 / 3.5),  # hit 1, missed 1, false 2, smoothing 1: 2 / (1 + 0.5 + 1 + 1)
        (0.6, 2 / 3.4),  # 2 / (1 + 0.6 + 0.8 + 1)
    ],
)
def test_tversky_weighs_misses_against_false_alarms(miss_weight, expected):
    lesion, said, weight = maps(1, 1, 0, 0), maps(1, 0, 1, 1), maps(1, 1, 1, 1)
    found = float(soft_tversky(lesion, said, weight, miss_weight=miss_weight))
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_batch_without_lesions_and_answers_has_no_loss():
    nothing = (0, 0, 0)
    assert float(overlap_loss()(truth(nothing), answer(nothing))) == pytest.approx(0.0, abs=1e-4)


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
def test_the_learning_rate_warms_up_and_falls_along_a_cosine(share, rate):
    assert Schedule(1e-3, 1e-5, warm_up=0.1).rate(share) == pytest.approx(rate)


def test_averaged_weights_soon_forget_the_first_weights():
    assert average_decay(0) == pytest.approx(0.1)
    assert average_decay(10_000) == 0.995
