"""The whole Attention U-Net beside the paper's formulas, written anew with Torch's functions.

Oktay 2018, arXiv 1804.03999, equations 1 and 2 and figures 1 and 2; names as in the paper.
"""

import numpy as np
import pytest
import torch
from torch.nn.functional import batch_norm as normalise
from torch.nn.functional import conv2d, conv_transpose2d, interpolate, max_pool2d

from models.networks.attention_unet import attention_unet
from tests.crosscheck.torch_weights import channels_first, channels_last
from tests.helpers.network_weights import fill

EPSILON = 1e-5


class Formulas:
    """Forward pass over a dictionary of arrays ``layer/weight``; notes which it used."""

    def __init__(self, model, levels):
        self.levels = levels
        self.arrays = {
            f"{layer.name}/{weight.name}": np.asarray(weight)
            for layer in model.layers
            for weight in layer.weights
        }
        self.used = set()

    def get(self, name):
        if name not in self.arrays:
            return None
        self.used.add(name)
        array = self.arrays[name]
        return torch.from_numpy(
            np.transpose(array, (3, 2, 0, 1)).copy() if array.ndim == 4 else array.copy()
        )

    def convolve(self, name, x, **options):
        return conv2d(x, self.get(f"{name}/kernel"), self.get(f"{name}/bias"), **options)

    def normalised(self, name, x):
        gamma = self.get(f"{name}/gamma")
        if gamma is None:
            return x
        mean, variance = self.get(f"{name}/moving_mean"), self.get(f"{name}/moving_variance")
        return normalise(x, mean, variance, gamma, self.get(f"{name}/beta"), eps=EPSILON)

    def twice(self, name, x):
        for number in (1, 2):
            x = self.convolve(f"{name}_conv{number}", x, padding=1)
            x = torch.relu(self.normalised(f"{name}_norm{number}", x))
        return x

    def gate(self, name, x, g):
        """q = psi(relu(Wx x + Wg g + bg)) + bpsi; alpha = sigmoid(q), resampled; W (alpha x)."""
        q = torch.relu(
            self.convolve(f"{name}_theta", x, stride=2) + self.convolve(f"{name}_phi", g)
        )
        alpha = torch.sigmoid(self.convolve(f"{name}_psi", q))
        alpha = interpolate(alpha, size=x.shape[2:], mode="bilinear", align_corners=False)
        return self.normalised(f"{name}_w_norm", self.convolve(f"{name}_w", alpha * x))

    def __call__(self, x):
        skips = []
        for level in range(self.levels):
            x = self.twice(f"encoder_{level}", max_pool2d(x, 2) if level else x)
            skips.append(x)
        for level in range(self.levels - 2, -1, -1):
            skip = self.gate(f"gate_{level}", skips[level], x) if level else skips[0]
            up = conv_transpose2d(
                x, self.get(f"up_{level}/kernel"), self.get(f"up_{level}/bias"), stride=2
            )
            x = self.twice(f"decoder_{level}", torch.cat([skip, up], dim=1))
        return torch.sigmoid(self.convolve("probability", x))


@pytest.mark.parametrize(
    ("filters", "outputs", "batch_norm"),
    [((8, 16, 32, 64, 128), 2, True), ((8, 16, 32, 64, 128), 1, False), ((5, 7, 6), 2, True)],
)
def test_attention_unet_answers_as_the_formulas_of_the_paper_do(filters, outputs, batch_norm):
    model = attention_unet(
        channels=4, filters=filters, outputs=outputs, batch_norm=batch_norm, epsilon=EPSILON
    )
    fill(model, seed=5)
    formulas = Formulas(model, len(filters))
    batch = np.random.default_rng(4).normal(size=(2, 48, 32, 4)).astype(np.float32)
    with torch.no_grad():
        expected = channels_last(formulas(channels_first(batch)))
    assert formulas.used == set(formulas.arrays)  # the formulas use every weight
    assert expected.std() > 0.01
    found = np.asarray(model(batch, training=False))
    assert found.shape == (2, 48, 32, outputs)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
