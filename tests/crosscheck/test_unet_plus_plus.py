"""U-Net++ beside MONAI's, which was written by others from the same papers."""

import numpy as np
import pytest
import torch
from monai.networks.nets import BasicUNetPlusPlus

from models.networks.unet_plus_plus import unet_plus_plus
from tests.crosscheck.torch_weights import (
    channels_first,
    channels_last,
    copy_convolution,
    copy_normalisation,
)
from tests.helpers.network_weights import fill

# MONAI's narrowest up-convolution keeps its width, so its two finest rows are alike.
WIDTHS = [(32, 32, 64, 128, 256), (6, 6, 12, 24, 48)]


def ours(filters, *, outputs=1, batch_norm=True):
    model = unet_plus_plus(
        channels=4, filters=filters, outputs=outputs, batch_norm=batch_norm, epsilon=1e-5
    )
    fill(model, seed=7)
    return model


def theirs(model, filters, *, outputs=1, batch_norm=True):
    network = BasicUNetPlusPlus(
        spatial_dims=2,
        in_channels=4,
        out_channels=outputs,
        features=(*filters, filters[0]),
        deep_supervision=True,
        act="RELU",
        norm=("batch", {}) if batch_norm else None,
        bias=not batch_norm,
        upsample="deconv",
    ).eval()
    for i in range(5):
        for j in range(5 - i):
            _copy_node(model, f"x{i}_{j}", _node(network, i, j), batch_norm=batch_norm)
            if j:
                up = getattr(network, f"upcat_{i}_{j}").upsample.deconv
                copy_convolution(model.get_layer(f"x{i}_{j}_up"), up)
    for j in range(1, 5):
        copy_convolution(model.get_layer(f"depth_{j}"), getattr(network, f"final_conv_0_{j}"))
    return network


def _node(network, i, j):
    """MONAI's two convolutions of X[i,j]."""
    if j:
        return getattr(network, f"upcat_{i}_{j}").convs
    node = getattr(network, f"conv_{i}_0")
    return node.convs if i else node


def _copy_node(model, name, node, *, batch_norm):
    for number, part in ((1, node.conv_0), (2, node.conv_1)):
        copy_convolution(model.get_layer(f"{name}_conv{number}"), part.conv)
        if batch_norm:
            copy_normalisation(model.get_layer(f"{name}_norm{number}"), part.adn.N)


@pytest.mark.parametrize(
    ("filters", "outputs", "batch_norm"),
    [(WIDTHS[0], 2, True), (WIDTHS[0], 1, False), (WIDTHS[1], 2, True)],
)
def test_all_four_depths_of_unet_plus_plus_answer_as_in_monai(filters, outputs, batch_norm):
    model = ours(filters, outputs=outputs, batch_norm=batch_norm)
    network = theirs(model, filters, outputs=outputs, batch_norm=batch_norm)
    batch = np.random.default_rng(1).normal(size=(2, 32, 48, 4)).astype(np.float32)
    found = [np.asarray(one) for one in model(batch, training=False)]
    with torch.no_grad():
        expected = [channels_last(torch.sigmoid(x)) for x in network(channels_first(batch))]
    assert len(found) == len(expected) == 4
    for mine, other in zip(found, expected, strict=True):
        assert mine.shape == (2, 32, 48, outputs)
        assert other.std() > 0.01  # an answer that says something
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-5)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_unet_plus_plus_has_as_many_parameters_as_in_monai(batch_norm):
    model = ours(WIDTHS[0], batch_norm=batch_norm)
    network = theirs(model, WIDTHS[0], batch_norm=batch_norm)
    learned = sum(np.prod(weight.shape) for weight in model.trainable_weights)
    assert learned == sum(parameter.numel() for parameter in network.parameters())
