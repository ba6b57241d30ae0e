"""The loss: binary cross-entropy plus one minus the soft Dice, or Tversky, of the whole
batch, and the cross-entropy of the brain.

Truth is ``(B, H, W, 4)``: lesion, its weight, brain, its weight. A weight of 0 marks the unknown.
"""

from collections.abc import Callable

from keras import KerasTensor, ops

Loss = Callable[[KerasTensor, KerasTensor], KerasTensor]

# Keeps the overlap of batches without any lesion defined, and their gradient small.
_SMOOTH = 1.0
_TINY = 1e-6
_BRAIN_SHARE = 0.5


def cross_entropy(truth: KerasTensor, probability: KerasTensor, weight: KerasTensor) -> KerasTensor:
    """Mean binary cross-entropy in nats of ``(B, H, W)`` maps in [0, 1], weighted by pixel."""
    p = ops.clip(probability, _TINY, 1.0 - _TINY)
    return -ops.mean(weight * (truth * ops.log(p) + (1.0 - truth) * ops.log(1.0 - p)))


def soft_tversky(
    truth: KerasTensor, probability: KerasTensor, weight: KerasTensor, *, miss_weight: float
) -> KerasTensor:
    """Overlap over the whole batch, 1 when perfect; `miss_weight` 0.5 makes it the soft Dice.

    Salehi 2017, arXiv 1706.05721: misses weigh `miss_weight`, false alarms the rest.
    """
    hit = ops.sum(weight * truth * probability)
    missed = ops.sum(weight * truth * (1.0 - probability))
    false = ops.sum(ops.minimum(weight, 1.0) * (1.0 - truth) * probability)
    return (hit + _SMOOTH) / (hit + miss_weight * missed + (1.0 - miss_weight) * false + _SMOOTH)


def overlap_loss(*, miss_weight: float = 0.5) -> Loss:
    """Cross-entropy plus ``1 - soft_tversky`` of the lesions, and a share of the brain's
    cross-entropy, for an output of two maps; an output of one map holds lesions only.

    Raises
    ------
    ValueError
        `miss_weight` is not inside 0..1.
    """
    if not 0.0 < miss_weight < 1.0:
        raise ValueError(f"miss_weight must lie between 0 and 1, got {miss_weight}")

    def loss(truth: KerasTensor, probability: KerasTensor) -> KerasTensor:
        lesion, weight, brain, known = (truth[..., index] for index in range(4))
        p = probability[..., 0]
        overlap = soft_tversky(lesion, p, weight, miss_weight=miss_weight)
        total = cross_entropy(lesion, p, weight) + 1.0 - overlap
        if probability.shape[-1] == 1:
            return total
        return total + _BRAIN_SHARE * cross_entropy(brain, probability[..., 1], known)

    return loss
