"""What training lowers: binary cross-entropy plus one minus the soft Dice, or Tversky, of the whole
batch.
"""

from collections.abc import Callable

from keras import KerasTensor, ops

Loss = Callable[[KerasTensor, KerasTensor], KerasTensor]

# Keeps the overlap of batches without any lesion defined, and their gradient small.
_SMOOTH = 1.0
_TINY = 1e-6


def cross_entropy(truth: KerasTensor, probability: KerasTensor) -> KerasTensor:
    """Mean binary cross-entropy in nats of ``(B, H, W, 1)`` maps in [0, 1]."""
    p = ops.clip(probability, _TINY, 1.0 - _TINY)
    return -ops.mean(truth * ops.log(p) + (1.0 - truth) * ops.log(1.0 - p))


def soft_tversky(
    truth: KerasTensor, probability: KerasTensor, *, miss_weight: float
) -> KerasTensor:
    """Overlap over the whole batch, 1 when perfect; `miss_weight` 0.5 makes it the soft Dice.

    Salehi 2017, arXiv 1706.05721: misses weigh `miss_weight`, false alarms the rest.
    """
    hit = ops.sum(truth * probability)
    missed = ops.sum(truth * (1.0 - probability))
    false = ops.sum((1.0 - truth) * probability)
    return (hit + _SMOOTH) / (hit + miss_weight * missed + (1.0 - miss_weight) * false + _SMOOTH)


def overlap_loss(*, miss_weight: float = 0.5) -> Loss:
    """Cross-entropy plus ``1 - soft_tversky``, for one head.

    Raises
    ------
    ValueError
        `miss_weight` is not inside 0..1.
    """
    if not 0.0 < miss_weight < 1.0:
        raise ValueError(f"miss_weight must lie between 0 and 1, got {miss_weight}")

    def loss(truth: KerasTensor, probability: KerasTensor) -> KerasTensor:
        overlap = soft_tversky(truth, probability, miss_weight=miss_weight)
        return cross_entropy(truth, probability) + 1.0 - overlap

    return loss
