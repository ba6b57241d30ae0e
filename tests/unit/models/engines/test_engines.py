import keras
import numpy as np
import pytest

from metseg.errors import DeviceError, OutOfMemoryError
from models.engines.failures import translated
from models.engines.keras_engine import Engine, choose_device, device_names
from models.networks.build import build
from tests.helpers.network_weights import fill
from tests.unit.models.networks.small_member import TINY, batch, member

# Keras 3.15 copies TensorFlow variables the old way (keras/src/backend/tensorflow/core.py).
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_an_engine_averages_the_depths_of_the_saved_network(tmp_path):
    model = build("unet_plus_plus", filters=TINY)
    model.save_weights(tmp_path / "x.weights.h5")
    engine = Engine.load(member(), tmp_path, device="cpu:0")
    maps = [np.asarray(one) for one in model(batch(), training=False)]
    np.testing.assert_allclose(engine(batch()), np.mean(maps, axis=0), atol=1e-6)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_rounds_and_answers_float32(tmp_path, precision):
    model = build("unet_plus_plus", filters=TINY)
    fill(model, seed=3)
    model.save_weights(tmp_path / "x.weights.h5")
    reference = Engine.load(member(), tmp_path, device="cpu:0")(batch())
    found = Engine.load(member(), tmp_path, device="cpu:0", precision=precision)(batch())
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, reference, atol=0.05)
    assert not np.array_equal(found, reference)
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(("depths", "deepest"), [((2,), 2), ((1, 3), 3)])
def test_an_engine_is_pruned_to_the_depths_that_the_card_asks_for(tmp_path, depths, deepest):
    full = build("unet_plus_plus", filters=TINY)
    full.save_weights(tmp_path / "x.weights.h5")
    fast = member(depths=depths, stored_depths=(1, 2, 3, 4))
    engine = Engine.load(fast, tmp_path, device="cpu:0")
    every = full(batch(), training=False)
    expected = np.mean([np.asarray(every[depth - 1]) for depth in depths], axis=0)
    np.testing.assert_allclose(engine(batch()), expected, atol=1e-6)
    names = {layer.name for layer in engine._model.layers}
    assert f"x0_{deepest}" in names
    assert not {f"x0_{deepest + 1}", f"x{deepest + 1}_0"} & names


def test_a_depth_that_is_not_in_the_file_is_refused():
    with pytest.raises(ValueError, match=r"depths must be among \(3, 4\), got \(2,\)"):
        member(depths=(2,), stored_depths=(3, 4))


class ResourceExhaustedError(Exception):
    """Named as TensorFlow's."""


class InternalError(Exception):
    """Named as TensorFlow's."""


class XlaRuntimeError(RuntimeError):
    """Named as JAX's."""


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (MemoryError(), OutOfMemoryError),
        (ResourceExhaustedError("OOM when allocating"), OutOfMemoryError),
        (XlaRuntimeError("RESOURCE_EXHAUSTED: out of memory"), OutOfMemoryError),
        (InternalError("CUDA_ERROR_ILLEGAL_ADDRESS"), DeviceError),
        (XlaRuntimeError("INTERNAL: device"), DeviceError),
        (ValueError("a bug of ours"), ValueError),
    ],
)
def test_failures_of_backends_become_errors_of_metseg(raised, expected):
    with pytest.raises(expected), translated():
        raise raised


def test_the_processor_can_be_chosen_as_a_device():
    assert "cpu:0" in device_names()
    assert choose_device("cpu") == "cpu:0"
    assert choose_device("auto") in ("cpu:0", "gpu:0")


def test_a_device_that_is_missing_or_unknown_is_refused():
    with pytest.raises(ValueError, match="device must be auto, cpu or gpu, got 'tpu'"):
        choose_device("tpu")
    if not any("gpu" in name for name in device_names()):
        with pytest.raises(DeviceError, match="no GPU is seen"):
            choose_device("gpu")
