"""The attention gate beside MONAI's `AttentionBlock`.

MONAI's block looks at skip and decoder map of one size. The paper's ``theta`` is a convolution of
2x2 pixels and stride 2, which is one of 1x1 on the four pixels laid behind each other
(`torch.nn.functional.pixel_unshuffle`): shown the skip in that form, MONAI's block is the paper's
gate up to the resampling of ``alpha``, for which Torch's own bilinear interpolation stands.
"""

import keras
import numpy as np
import pytest
import torch
from monai.networks.nets.attentionunet import AttentionBlock
from torch.nn.functional import conv2d, interpolate, pixel_unshuffle

from models.networks.attention_unet import attention_gate
from tests.crosscheck.torch_weights import (
    channels_first,
    channels_last,
    copy_convolution,
    look_at,
)
from tests.helpers.network_weights import fill

SKIP, GATING, BETWEEN = 5, 9, 7


@pytest.fixture
def gate():
    skip = keras.Input((None, None, SKIP))
    gating = keras.Input((None, None, GATING))
    gated = attention_gate(
        skip, gating, filters=BETWEEN, name="gate", batch_norm=False, epsilon=1e-5
    )
    model = keras.Model([skip, gating], gated)
    fill(model, seed=3)
    return model


@pytest.fixture
def maps():
    rng = np.random.default_rng(2)
    skip = rng.normal(size=(2, 12, 20, SKIP)).astype(np.float32)
    return skip, rng.normal(size=(2, 6, 10, GATING)).astype(np.float32)


def monai_block(gate):
    block = AttentionBlock(spatial_dims=2, f_int=BETWEEN, f_g=GATING, f_l=4 * SKIP).eval()
    copy_convolution(gate.get_layer("gate_phi"), block.W_g[0].conv)
    copy_convolution(gate.get_layer("gate_psi"), block.psi[0].conv)
    theta = np.asarray(gate.get_layer("gate_theta").kernel)
    # pixel_unshuffle orders channels by (channel, row, column).
    pointwise = np.transpose(theta, (3, 2, 0, 1)).reshape(BETWEEN, 4 * SKIP, 1, 1)
    block.W_x[0].conv.weight.data.copy_(torch.from_numpy(pointwise.copy()))
    block.W_x[0].conv.bias.data.zero_()
    # The paper's gate has no normalisation inside; fresh ones are the identity but for epsilon.
    for normalisation in (block.W_g[1], block.W_x[1], block.psi[1]):
        normalisation.eps = 0.0
    return block


def test_gate_coefficients_are_those_of_monai(gate, maps):
    skip, gating = maps
    block = monai_block(gate)
    laid_out = pixel_unshuffle(channels_first(skip), 2)
    with torch.no_grad():
        expected = channels_last(block(g=channels_first(gating), x=laid_out))
    (alpha,) = look_at(gate, [skip, gating], "gate_psi")
    assert alpha.std() > 0.01
    found = channels_last(laid_out) * alpha
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_gate_coefficients_reach_the_skip_by_torchs_bilinear_interpolation(gate, maps):
    names = ("gate_psi", "gate_alpha", "gate_w")
    coarse, fine, gated = look_at(gate, [*maps], *names)
    alpha = interpolate(
        channels_first(coarse), scale_factor=2, mode="bilinear", align_corners=False
    )
    np.testing.assert_allclose(fine, channels_last(alpha), rtol=0, atol=1e-6)
    weights = gate.get_layer("gate_w")
    kernel = torch.from_numpy(np.transpose(np.asarray(weights.kernel), (3, 2, 0, 1)).copy())
    bias = torch.from_numpy(np.asarray(weights.bias).copy())
    expected = channels_last(conv2d(channels_first(maps[0]) * alpha, kernel, bias))
    np.testing.assert_allclose(gated, expected, rtol=0, atol=1e-5)
