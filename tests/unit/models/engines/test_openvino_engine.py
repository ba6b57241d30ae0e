import subprocess
import sys

import numpy as np
import pytest

from metseg.compute import Compute
from metseg.errors import ConfigurationError, WeightsError
from models.engines.choice import chosen_engine, load_engines
from models.engines.keras_engine import Engine
from models.engines.openvino_engine import OpenVinoEngine, computes_in_bf16
from models.networks.build import build
from tests.helpers.network_weights import fill
from tests.unit.models.networks.small_member import TINY, batch, member, of

# Keras 3.15 copies TensorFlow variables the old way (keras/src/backend/tensorflow/core.py).
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NETWORKS = ("attention_unet", "unet_plus_plus")


@pytest.fixture
def weights(tmp_path):
    for name in NETWORKS:
        model = build(name, filters=TINY)
        fill(model, seed=3)
        model.save_weights(tmp_path / f"{name}.weights.h5")
    return tmp_path


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", [(2, 32, 48, 4), (3, 64, 64, 4)])
def test_answers_of_openvino_are_those_of_keras_whatever_the_shape(weights, name, shape):
    shown = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    reference = Engine.load(of(name), weights, device="cpu:0")(shown)
    found = OpenVinoEngine.load(of(name), weights, cache=None)(shown)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, reference, atol=2e-5)
    assert reference.std() > 0.01


def test_bfloat16_rounds_where_the_processor_has_it_and_is_refused_elsewhere(weights):
    if not computes_in_bf16():
        with pytest.raises(ConfigurationError, match="AVX512-BF16 or AMX"):
            OpenVinoEngine.load(of("attention_unet"), weights, cache=None, bf16=True)
        return
    reference = OpenVinoEngine.load(of("attention_unet"), weights, cache=None)(batch())
    rounded = OpenVinoEngine.load(of("attention_unet"), weights, cache=None, bf16=True)(batch())
    np.testing.assert_allclose(rounded, reference, atol=0.05)
    assert not np.array_equal(rounded, reference)


def test_pruned_depths_are_averaged_by_openvino_as_by_keras(weights):
    asked = of("unet_plus_plus", depths=(1, 3), stored_depths=(1, 2, 3, 4))
    reference = Engine.load(asked, weights, device="cpu:0")(batch())
    np.testing.assert_allclose(
        OpenVinoEngine.load(asked, weights, cache=None)(batch()), reference, atol=2e-5
    )


def test_a_converted_network_is_stored_and_read_again(weights, tmp_path):
    cache = tmp_path / "cache"
    first = OpenVinoEngine.load(of("attention_unet"), weights, cache=cache)(batch())
    (kept,) = cache.iterdir()
    assert sorted(path.name for path in kept.iterdir()) == ["model.bin", "model.xml", "sha256.json"]
    (weights / "attention_unet.weights.h5").unlink()  # not asked for again
    again = OpenVinoEngine.load(of("attention_unet"), weights, cache=cache)(batch())
    assert np.array_equal(first, again)


def test_a_stored_network_that_is_damaged_is_converted_again(weights, tmp_path):
    cache = tmp_path / "cache"
    first = OpenVinoEngine.load(of("attention_unet"), weights, cache=cache)(batch())
    (kept,) = cache.iterdir()
    stored = (kept / "model.bin").read_bytes()
    (kept / "model.bin").write_bytes(bytes(len(stored)))  # zeros, as after a power cut
    again = OpenVinoEngine.load(of("attention_unet"), weights, cache=cache)(batch())
    assert np.array_equal(first, again)
    assert (kept / "model.bin").read_bytes() == stored


def test_networks_are_stored_per_weights_and_depths_whatever_their_temperature(weights, tmp_path):
    cache = tmp_path / "cache"
    for changes in ({}, {"temperature": 2.0}, {"sha256": "b" * 64}, {"outputs": 2, "depths": (4,)}):
        asked = of("unet_plus_plus", **({"stored_depths": (1, 2, 3, 4)} | changes))
        OpenVinoEngine.load(asked, weights, cache=cache)
    assert len(list(cache.iterdir())) == 3


def test_openvino_answers_without_a_writable_cache(weights, tmp_path, caplog):
    (tmp_path / "cache").write_text("a file where the folder should be")
    engine = OpenVinoEngine.load(of("attention_unet"), weights, cache=tmp_path / "cache")
    assert engine(batch()).shape == (2, 32, 48, 2)
    assert "converted network is not kept" in caplog.text


@pytest.mark.filterwarnings("ignore:Skipping nested container:UserWarning")  # Keras, then raises
def test_openvino_refuses_weights_of_another_network(weights, tmp_path):
    asked = member("attention_unet", file="unet_plus_plus.weights.h5")
    with pytest.raises(WeightsError, match="must fit attention_unet"):
        OpenVinoEngine.load(asked, weights, cache=tmp_path / "cache")


@pytest.mark.parametrize(
    ("engine", "device", "installed", "gpu", "chosen"),
    [
        ("auto", "auto", True, False, "openvino"),
        ("auto", "cpu", True, True, "openvino"),
        ("auto", "auto", True, True, "keras"),  # the GPU is faster
        ("auto", "gpu", True, False, "keras"),
        ("auto", "auto", False, False, "keras"),
        ("keras", "cpu", True, False, "keras"),
        ("openvino", "auto", True, True, "openvino"),
    ],
)
def test_the_automatic_engine_is_openvino_on_a_processor_where_it_is_installed(
    engine, device, installed, gpu, chosen
):
    assert chosen_engine(engine, device, installed=installed, gpu=gpu) == chosen


@pytest.mark.parametrize(
    ("device", "installed", "words"),
    [
        ("auto", False, "must be installed"),
        ("gpu", True, "must run on a processor, got device gpu"),
    ],
)
def test_openvino_is_refused_where_it_cannot_run(device, installed, words):
    with pytest.raises(ConfigurationError, match=words):
        chosen_engine("openvino", device, installed=installed, gpu=False)


def test_members_are_loaded_in_the_order_of_the_card(weights):
    members = [of("unet_plus_plus"), of("attention_unet")]
    for engine in ("openvino", "keras"):
        loaded = load_engines(members, weights, engine=engine, device="cpu")
        assert [network.name for network in loaded.networks] == ["unet_plus_plus", "attention_unet"]
        assert loaded.compute == Compute("cpu", engine, "float32", batch=8)


@pytest.mark.parametrize("name", NETWORKS)
def test_answers_are_the_same_with_any_number_of_threads(weights, name):
    engine = OpenVinoEngine.load(of(name), weights, cache=None)
    answers = [engine(batch())]
    for threads in (2, 1):
        engine.use_threads(threads)
        answers.append(engine(batch()))
        assert engine._compiled[threads].get_property("INFERENCE_NUM_THREADS") == threads
    for one in answers[1:]:
        np.testing.assert_allclose(one, answers[0], atol=1e-6)


def test_a_stored_network_needs_no_keras_and_sends_no_usage_data(weights, tmp_path):
    cache = tmp_path / "cache"
    OpenVinoEngine.load(of("attention_unet"), weights, cache=cache)
    words = f"""
import sys
from pathlib import Path
from models.engines.choice import load_engines
from tests.unit.models.networks.small_member import of
load_engines([of("attention_unet")], Path({str(weights)!r}), engine="openvino",
             cache=Path({str(cache)!r}))
print([name for name in ("keras", "tensorflow") if name in sys.modules])
print(sys.modules["openvino_telemetry"])
"""
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "None"]
