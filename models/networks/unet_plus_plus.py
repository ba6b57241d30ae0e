"""U-Net++ (Zhou 2018, arXiv 1807.10165; IEEE TMI 2020, arXiv 1912.05074)."""

import keras
from keras import KerasTensor, layers

from models.networks.blocks import (
    BATCH_NORM_EPSILON,
    check_filters,
    double_convolution,
    probability_head,
    up_convolution,
)


def unet_plus_plus(
    *,
    channels: int,
    filters: tuple[int, ...] = (16, 32, 64, 128, 256),
    heads: tuple[int, ...] | None = None,
    outputs: int = 1,
    batch_norm: bool = True,
    epsilon: float = BATCH_NORM_EPSILON,
) -> keras.Model:
    """Build the nested U-Net up to its deepest wanted head.

    ``X[i,0] = H(down X[i-1,0])`` and ``X[i,j] = H([X[i,0..j-1], up X[i+1,j-1]])``; node X[i,j] is
    the layer ``x{i}_{j}``.

    Parameters
    ----------
    channels
        Of the input ``(B, H, W, channels)``; H and W multiples of ``2 ** (len(filters) - 1)``.
    filters
        Width of each row, finest first.
    heads
        Which of the nodes X[0,1..depth] get a head, by default all (deep supervision). Nodes that
        no wanted head needs are not built: ``heads=(2,)`` is the network pruned to L2. `pruned`
        makes it of a full one with its weights.
    outputs
        Maps of each head.
    batch_norm, epsilon
        See `models.networks.blocks.double_convolution`.

    Returns
    -------
    One ``(B, H, W, outputs)`` array of probabilities a head, in a list, shallowest first; a lone
    head is not in a list.

    Raises
    ------
    ValueError
        Fewer than two widths, or a head outside 1..depth.
    """
    check_filters(filters)
    depth = len(filters) - 1
    heads = tuple(range(1, depth + 1)) if heads is None else tuple(sorted(set(heads)))
    if not heads or heads[0] < 1 or heads[-1] > depth:
        raise ValueError(f"heads must lie in 1..{depth}, got {heads}")
    inputs = keras.Input((None, None, channels), name="slices")
    nodes: dict[tuple[int, int], KerasTensor] = {}
    for diagonal in range(heads[-1] + 1):
        for j in range(diagonal + 1):
            i = diagonal - j
            name = f"x{i}_{j}"
            if j:
                up = up_convolution(nodes[i + 1, j - 1], filters[i], name=f"{name}_up")
                before = [nodes[i, k] for k in range(j)]
                x = layers.Concatenate(name=f"{name}_join")([*before, up])
            elif i:
                x = layers.MaxPooling2D(2, name=f"{name}_down")(nodes[i - 1, 0])
            else:
                x = inputs
            nodes[i, j] = double_convolution(
                x, filters[i], name=name, batch_norm=batch_norm, epsilon=epsilon
            )
    maps = [probability_head(nodes[0, j], outputs, name=f"head_{j}") for j in heads]
    return keras.Model(inputs, maps if len(maps) > 1 else maps[0], name="unet_plus_plus")


def pruned(model: keras.Model, heads: tuple[int, ...]) -> keras.Model:
    """The network to these of its heads, with its weights and without nodes that no other head
    needs.

    Raises
    ------
    ValueError
        The network lacks one of the heads.
    """
    maps = [model.get_layer(f"head_{j}").output for j in sorted(set(heads))]
    return keras.Model(model.input, maps if len(maps) > 1 else maps[0], name=model.name)
