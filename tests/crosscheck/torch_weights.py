"""A Keras layer's weights in a layer of Torch."""

import keras
import numpy as np
import torch

# Keras: (height, width, in, out), transposed convolution (height, width, out, in).
# Torch: (out, in, height, width), transposed convolution (in, out, height, width).
_TO_TORCH = (3, 2, 0, 1)


def copy_convolution(layer, convolution):
    """Kernel and bias of a Keras (transposed) convolution into one of Torch. Where Keras has no
    bias, Torch must have none, or gets zeros.
    """
    kernel = np.transpose(np.asarray(layer.kernel), _TO_TORCH)
    convolution.weight.data.copy_(torch.from_numpy(kernel.copy()))
    if convolution.bias is not None:
        bias = np.asarray(layer.bias) if layer.use_bias else np.zeros(kernel.shape[0])
        convolution.bias.data.copy_(torch.tensor(bias))


def copy_normalisation(layer, normalisation):
    """A Keras batch normalisation into one of Torch, epsilon too."""
    pairs = {
        normalisation.weight.data: layer.gamma,
        normalisation.bias.data: layer.beta,
        normalisation.running_mean: layer.moving_mean,
        normalisation.running_var: layer.moving_variance,
    }
    for tensor, weight in pairs.items():
        tensor.copy_(torch.tensor(np.asarray(weight)))
    normalisation.eps = layer.epsilon


def channels_first(array):
    """``(B, H, W, C)`` array to ``(B, C, H, W)`` tensor."""
    return torch.from_numpy(np.moveaxis(np.asarray(array), -1, 1).copy())


def channels_last(tensor):
    """``(B, C, H, W)`` tensor to ``(B, H, W, C)`` array."""
    return np.moveaxis(tensor.detach().numpy(), 1, -1)


def look_at(model, batch, *names):
    """The answers of these layers, as a list of arrays."""
    inside = keras.Model(model.input, {name: model.get_layer(name).output for name in names})
    found = inside(batch, training=False)
    return [np.asarray(found[name]) for name in names]
