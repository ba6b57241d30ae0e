"""Pieces that the networks share: convolutions, up-convolution and the last layer."""

from keras import KerasTensor, layers

# Keras's own value; Torch has 1e-5. Named because copied weights agree only with equal epsilon.
BATCH_NORM_EPSILON = 1e-3


def double_convolution(
    x: KerasTensor,
    filters: int,
    *,
    name: str,
    batch_norm: bool = True,
    epsilon: float = BATCH_NORM_EPSILON,
) -> KerasTensor:
    """Two 3x3 convolutions, each with optional batch normalisation and ReLU: ``(B, H, W, c)`` to
    ``(B, H, W, filters)``.

    The last activation carries the node's name.
    """
    for number in (1, 2):
        x = layers.Conv2D(
            filters,
            3,
            padding="same",
            # The normalisation brings its own shift.
            use_bias=not batch_norm,
            kernel_initializer="he_normal",
            name=f"{name}_conv{number}",
        )(x)
        if batch_norm:
            x = layers.BatchNormalization(epsilon=epsilon, name=f"{name}_norm{number}")(x)
        x = layers.Activation("relu", name=name if number == 2 else f"{name}_relu{number}")(x)
    return x


def up_convolution(x: KerasTensor, filters: int, *, name: str) -> KerasTensor:
    """Double height and width. Kernel 2 and stride 2: kernel 3 has shifted by a pixel between
    backends.
    """
    return layers.Conv2DTranspose(
        filters, 2, strides=2, padding="valid", kernel_initializer="he_normal", name=name
    )(x)


def probability_maps(x: KerasTensor, outputs: int, *, name: str) -> KerasTensor:
    """1x1 convolution and sigmoid: ``(B, H, W, outputs)`` in [0, 1], float32 under any policy."""
    return layers.Conv2D(outputs, 1, activation="sigmoid", dtype="float32", name=name)(x)


def check_filters(filters: tuple[int, ...], *, at_least: int = 2) -> None:
    """Raise ValueError unless there are enough positive widths."""
    if len(filters) < at_least or min(filters) < 1:
        raise ValueError(f"filters must be {at_least} or more positive widths, got {filters}")
