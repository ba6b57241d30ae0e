"""One contract for every network of the catalogue. A new network joins by its line in
`models.networks`, and by `tests.unit.models.networks.stored_answers`.
"""

import keras
import numpy as np
import pytest

from models.averaging import BATCH, MULTIPLE, predict_slices
from models.card import Member
from models.engines.keras_engine import Engine
from models.inputs import CHANNELS
from models.networks import BUILDERS
from models.networks.build import OUTPUTS, build
from tests.helpers.network_weights import fill
from tests.unit.models.networks.stored_answers import TOLERANCE, answers, largest_difference

# Keras 3.15 copies TensorFlow variables the old way (keras/src/backend/tensorflow/core.py).
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

TINY = (2, 3, 4, 5, 6)
# Rounding of some twenty layers in numbers of 8 (bfloat16) and 11 significant bits (float16).
ROUNDING = {"mixed_bfloat16": 0.05, "mixed_float16": 0.005}


def slices(shape=(2, 32, 48), seed=0):
    return np.random.default_rng(seed).normal(size=(*shape, CHANNELS)).astype(np.float32)


def filled(name, seed=3):
    model = build(name, filters=TINY)
    fill(model, seed=seed)
    return model


def engine(name):
    member = Member(name, name, TINY, None, True, "x.weights.h5", "", outputs=OUTPUTS)
    return Engine(filled(name), member, device="cpu:0")


@pytest.fixture
def policy(request):
    kept = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(request.param)
    yield request.param
    keras.mixed_precision.set_global_policy(kept)


def pytest_generate_tests(metafunc):
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", BUILDERS)


@pytest.mark.parametrize("outputs", [1, 2])
def test_every_depth_of_a_network_gives_probabilities_of_the_size_of_the_slice(name, outputs):
    model = build(name, filters=TINY, outputs=outputs)
    fill(model, seed=3)
    for found in answers(model, 100 * slices()):
        assert found.shape == (2, 32, 48, outputs)
        assert found.dtype == np.float32
        assert found.min() >= 0.0
        assert found.max() <= 1.0


def test_a_network_accepts_one_size_after_another(name):
    model = build(name, filters=TINY)
    model.compile(jit_compile=False)
    for size in ((32, 48), (32, 64), (48, 64)):
        found = model.predict_on_batch(slices((2, *size)))
        last = found[-1] if isinstance(found, list) else found
        assert last.shape == (2, *size, OUTPUTS)


@pytest.mark.parametrize("shape", [(3, 33, 47), (BATCH + 1, 7, 16)])
def test_heads_of_odd_sizes_are_answered_as_if_padded_with_air(name, shape):
    z, h, w = shape
    normalised = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    clahe = np.zeros(shape, dtype=np.float32)
    network = engine(name)
    maps = predict_slices(network, normalised, clahe)
    assert maps.shape == (OUTPUTS, z, h, w)
    padded = [(0, 0), (0, -h % MULTIPLE), (0, -w % MULTIPLE)]
    whole = np.pad(normalised, padded, constant_values=normalised.min())
    even = predict_slices(network, whole, np.pad(clahe, padded))
    np.testing.assert_allclose(maps, even[:, :, :h, :w], atol=1e-6)


def test_answers_of_a_network_are_alike_after_saving_and_loading(name, tmp_path):
    model, other = filled(name), filled(name, seed=4)
    model.save_weights(tmp_path / "x.weights.h5")
    expected = answers(model, slices())
    assert not np.allclose(expected[-1], answers(other, slices())[-1])
    other.load_weights(tmp_path / "x.weights.h5")
    for mine, theirs in zip(expected, answers(other, slices()), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_the_answer_for_a_slice_does_not_depend_on_the_others_of_the_batch(name):
    model = filled(name)
    whole, alone = answers(model, slices())[-1], answers(model, slices()[:1])[-1]
    np.testing.assert_allclose(whole[:1], alone, atol=1e-6)


@pytest.mark.parametrize("policy", ROUNDING, indirect=True)
def test_mixed_precision_changes_answers_of_a_network_by_rounding_alone(name, policy):
    mixed = filled(name)
    assert {weight.dtype for weight in mixed.weights} == {"float32"}
    keras.mixed_precision.set_global_policy("float32")
    for exact, rounded in zip(
        answers(filled(name), slices()), answers(mixed, slices()), strict=True
    ):
        assert rounded.dtype == np.float32
        assert 0 < np.abs(exact - rounded).max() < ROUNDING[policy]


def test_the_stored_input_has_the_stored_answer(name):
    assert largest_difference(name) <= TOLERANCE


def test_a_network_of_fewer_than_two_widths_is_refused(name):
    with pytest.raises(ValueError, match=r"filters must be 2 or more positive widths"):
        build(name, filters=(4,))


def test_an_unknown_network_is_refused():
    with pytest.raises(ValueError, match="name must be one of"):
        build("u_net", filters=TINY)
