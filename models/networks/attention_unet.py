"""Attention U-Net (Oktay 2018, arXiv 1804.03999)."""

import keras
from keras import KerasTensor, layers, ops

from models.networks.blocks import (
    BATCH_NORM_EPSILON,
    check_filters,
    double_convolution,
    probability_maps,
    up_convolution,
)


class DoubleBilinear(layers.Layer):  # type: ignore[misc]  # keras has no types
    """Double height and width bilinearly, half-pixel centres.

    Written out because `keras.ops.image.resize` (Keras 3.15) fails in a graph whose width is not
    known.
    """

    def call(self, maps: KerasTensor) -> KerasTensor:
        """``(B, h, w, c)`` to ``(B, 2h, 2w, c)``."""
        maps = self._double(maps, maps[:, :1], maps[:, :-1], maps[:, 1:], maps[:, -1:], axis=1)
        left, right = maps[:, :, :1], maps[:, :, -1:]
        return self._double(maps, left, maps[:, :, :-1], maps[:, :, 1:], right, axis=2)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Height and width doubled where they are known."""
        batch, height, width, filters = input_shape
        return (batch, height and 2 * height, width and 2 * width, filters)

    @staticmethod
    def _double(
        maps: KerasTensor,
        first: KerasTensor,
        but_last: KerasTensor,
        but_first: KerasTensor,
        last: KerasTensor,
        *,
        axis: int,
    ) -> KerasTensor:
        """Interleave values a quarter pixel before and after each centre; edges repeat."""
        before = ops.concatenate([first, but_last], axis=axis)
        after = ops.concatenate([but_first, last], axis=axis)
        pair = ops.stack([0.75 * maps + 0.25 * before, 0.75 * maps + 0.25 * after], axis=axis + 1)
        batch, height, width, filters = ops.shape(maps)
        if axis == 1:
            return ops.reshape(pair, (batch, 2 * height, width, filters))
        return ops.reshape(pair, (batch, height, 2 * width, filters))


def attention_gate(
    x: KerasTensor, g: KerasTensor, *, filters: int, name: str, batch_norm: bool, epsilon: float
) -> KerasTensor:
    """Additive gate on a skip: ``alpha = sigmoid(psi(relu(theta(x) + phi(g))))``, then ``W(alpha *
    x)``.

    Parameters
    ----------
    x
        The skip, ``(B, 2h, 2w, c)``.
    g
        The coarser decoder map, ``(B, h, w, d)``: before upsampling, as in the authors' code.
    filters
        Width of the space in which they are added.

    Returns
    -------
    ``(B, 2h, 2w, c)``; the layer ``{name}_alpha`` holds the coefficients ``(B, 2h, 2w, 1)``.
    """
    theta = layers.Conv2D(filters, 2, strides=2, use_bias=False, name=f"{name}_theta")(x)
    phi = layers.Conv2D(filters, 1, name=f"{name}_phi")(g)
    joined = layers.Activation("relu", name=f"{name}_relu")(
        layers.Add(name=f"{name}_add")([theta, phi])
    )
    coarse = layers.Conv2D(1, 1, activation="sigmoid", name=f"{name}_psi")(joined)
    alpha = DoubleBilinear(name=f"{name}_alpha")(coarse)
    gated = layers.Multiply(name=f"{name}_gated")([x, alpha])
    gated = layers.Conv2D(x.shape[-1], 1, use_bias=not batch_norm, name=f"{name}_w")(gated)
    if batch_norm:
        gated = layers.BatchNormalization(epsilon=epsilon, name=f"{name}_w_norm")(gated)
    return gated


def attention_unet(
    *,
    channels: int,
    filters: tuple[int, ...] = (16, 32, 64, 128, 256),
    outputs: int = 1,
    batch_norm: bool = True,
    epsilon: float = BATCH_NORM_EPSILON,
) -> keras.Model:
    """Build a U-Net whose skips are gated by the decoder's coarser maps, all but the skip of full
    resolution.

    Parameters
    ----------
    channels
        Of the input ``(B, H, W, channels)``; H and W multiples of ``2 ** (len(filters) - 1)``.
    filters
        Width of each level, finest first.
    outputs
        Number of maps: lesion, then brain.
    batch_norm, epsilon
        See `models.networks.blocks.double_convolution`.

    Returns
    -------
    Model with one ``(B, H, W, outputs)`` array of probabilities.

    Raises
    ------
    ValueError
        Fewer than two widths.
    """
    check_filters(filters)
    inputs = keras.Input((None, None, channels), name="slices")
    skips: list[KerasTensor] = []
    x = inputs
    for level, width in enumerate(filters):
        if level:
            x = layers.MaxPooling2D(2, name=f"down_{level}")(x)
        x = double_convolution(
            x, width, name=f"encoder_{level}", batch_norm=batch_norm, epsilon=epsilon
        )
        skips.append(x)
    for level in reversed(range(len(filters) - 1)):
        width = filters[level]
        skip = skips[level]
        if level:
            skip = attention_gate(
                skip, x, filters=width, name=f"gate_{level}", batch_norm=batch_norm, epsilon=epsilon
            )
        up = up_convolution(x, width, name=f"up_{level}")
        x = layers.Concatenate(name=f"join_{level}")([skip, up])
        x = double_convolution(
            x, width, name=f"decoder_{level}", batch_norm=batch_norm, epsilon=epsilon
        )
    return keras.Model(
        inputs, probability_maps(x, outputs, name="probability"), name="attention_unet"
    )
