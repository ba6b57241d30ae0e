"""U-Net++ (Zhou 2018, arXiv 1807.10165; IEEE TMI 2020, arXiv 1912.05074)."""

import keras
from keras import KerasTensor, layers

from models.networks.blocks import (
    BATCH_NORM_EPSILON,
    check_filters,
    double_convolution,
    probability_maps,
    up_convolution,
)


def unet_plus_plus(
    *,
    channels: int,
    filters: tuple[int, ...] = (16, 32, 64, 128, 256),
    depths: tuple[int, ...] | None = None,
    outputs: int = 1,
    batch_norm: bool = True,
    epsilon: float = BATCH_NORM_EPSILON,
) -> keras.Model:
    """Build the nested U-Net up to its deepest wanted depth.

    ``X[i,0] = H(down X[i-1,0])`` and ``X[i,j] = H([X[i,0..j-1], up X[i+1,j-1]])``; node X[i,j] is
    the layer ``x{i}_{j}``.

    Parameters
    ----------
    channels
        Of the input ``(B, H, W, channels)``; H and W multiples of ``2 ** (len(filters) - 1)``.
    filters
        Width of each row, finest first.
    depths
        Which of the nodes X[0,1..depth] give an answer, by default all (deep supervision). Nodes
        that no wanted depth needs are not built: ``depths=(2,)`` is the network pruned to L2.
        `pruned` makes such a network from a full one, with its weights.
    outputs
        Number of maps at each depth: lesion, then brain.
    batch_norm, epsilon
        See `models.networks.blocks.double_convolution`.

    Returns
    -------
    One ``(B, H, W, outputs)`` array of probabilities per depth, in a list, shallowest first; the
    array of a single depth is not in a list.

    Raises
    ------
    ValueError
        Fewer than two widths, or one of `depths` outside 1..depth.
    """
    check_filters(filters)
    depth = len(filters) - 1
    depths = tuple(range(1, depth + 1)) if depths is None else tuple(sorted(set(depths)))
    if not depths or depths[0] < 1 or depths[-1] > depth:
        raise ValueError(f"depths must lie in 1..{depth}, got {depths}")
    inputs = keras.Input((None, None, channels), name="slices")
    nodes: dict[tuple[int, int], KerasTensor] = {}
    for diagonal in range(depths[-1] + 1):
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
    maps = [probability_maps(nodes[0, j], outputs, name=f"depth_{j}") for j in depths]
    return keras.Model(inputs, maps if len(maps) > 1 else maps[0], name="unet_plus_plus")


def pruned(model: keras.Model, depths: tuple[int, ...]) -> keras.Model:
    """The network cut down to some of its depths, with its weights and without the nodes that
    only the other depths need.

    Raises
    ------
    ValueError
        The network lacks one of the depths.
    """
    maps = [model.get_layer(f"depth_{j}").output for j in sorted(set(depths))]
    return keras.Model(model.input, maps if len(maps) > 1 else maps[0], name=model.name)
