"""What each paper says of its network; `test_network_contract` holds what all must keep."""

import keras
import numpy as np
import pytest

from models.networks.attention_unet import DoubleBilinear, attention_unet
from models.networks.unet_plus_plus import unet_plus_plus

# Keras 3.15 copies TensorFlow variables the old way (keras/src/backend/tensorflow/core.py).
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

TINY = (2, 3, 4, 5, 6)


def outputs(model, batch):
    found = model(batch, training=False)
    return [np.asarray(item) for item in (found if isinstance(found, list) else [found])]


def slices(shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


class TestUNetPlusPlus:
    def test_has_the_number_of_parameters_of_the_authors_code(self):
        model = unet_plus_plus(
            channels=1, filters=(32, 64, 128, 256, 512), depths=(4,), batch_norm=False
        )
        assert model.count_params() == 9_041_601

    def test_has_the_nodes_of_the_paper(self):
        names = {layer.name for layer in unet_plus_plus(channels=1, filters=TINY).layers}
        nodes = {f"x{i}_{j}" for i in range(5) for j in range(5 - i)}
        assert len(nodes) == 15
        assert nodes <= names

    def test_node_i_j_joins_its_row_and_the_one_below(self):
        # x0_4: four nodes of 2 filters each and the upsampled one of 2 -> 10 channels in.
        model = unet_plus_plus(channels=1, filters=TINY)
        assert model.get_layer("x0_4_join").output.shape[-1] == 10
        assert model.get_layer("x1_2_join").output.shape[-1] == 9

    def test_answers_at_each_full_resolution_node(self):
        assert len(outputs(unet_plus_plus(channels=1, filters=TINY), slices((1, 32, 32, 1)))) == 4

    @pytest.mark.parametrize("depth", [1, 2, 3])
    def test_pruned_to_a_depth_it_answers_as_the_full_network_there(self, depth):
        full = unet_plus_plus(channels=1, filters=TINY)
        pruned = unet_plus_plus(channels=1, filters=TINY, depths=(depth,))
        for layer in pruned.layers:
            layer.set_weights(full.get_layer(layer.name).get_weights())
        batch = slices((1, 32, 32, 1))
        expected = outputs(full, batch)[depth - 1]
        np.testing.assert_allclose(outputs(pruned, batch)[0], expected, atol=1e-6)
        assert pruned.count_params() < full.count_params()

    @pytest.mark.parametrize("depths", [(), (0,), (5,)])
    def test_a_depth_that_does_not_exist_is_refused(self, depths):
        with pytest.raises(ValueError, match=r"depths must lie in 1\.\.4"):
            unet_plus_plus(channels=1, filters=TINY, depths=depths)


class TestAttentionUNet:
    def test_gates_every_skip_but_the_full_resolution_one(self):
        names = {layer.name for layer in attention_unet(channels=1, filters=TINY).layers}
        assert {f"gate_{level}_psi" for level in (1, 2, 3)} <= names
        assert "gate_0_psi" not in names

    def test_the_gate_looks_at_the_coarser_map_and_theta_has_no_bias(self):
        model = attention_unet(channels=1, filters=TINY)
        theta, phi = model.get_layer("gate_1_theta"), model.get_layer("gate_1_phi")
        assert theta.kernel.shape == (2, 2, 3, 3)
        assert not theta.use_bias
        assert phi.input.name == model.get_layer("decoder_2").output.name
        assert phi.kernel.shape == (1, 1, 4, 3)

    def test_coefficients_lie_between_0_and_1_at_the_size_of_the_skip(self):
        model = attention_unet(channels=1, filters=TINY)
        look = keras.Model(model.input, model.get_layer("gate_1_alpha").output)
        (alpha,) = outputs(look, slices((1, 32, 48, 1)))
        assert alpha.shape == (1, 16, 24, 1)
        assert alpha.min() >= 0.0
        assert alpha.max() <= 1.0

    def test_doubling_is_bilinear_with_half_pixel_centres(self):
        maps = np.array([0.0, 4.0], dtype=np.float32).reshape(1, 1, 2, 1)
        doubled = np.asarray(DoubleBilinear()(maps))
        # Centres at -0.25, 0.25, 0.75, 1.25 of the coarse grid; edges repeat.
        np.testing.assert_allclose(doubled[0, :, :, 0], [[0, 1, 3, 4], [0, 1, 3, 4]])
