import csv
import itertools
import json

import keras
import numpy as np
import pytest

from metseg.errors import WeightsError
from models.inputs import CHANNELS, InputContract
from models.networks.build import build
from training.data.cases import case_from_real
from training.data.real_cases import RealCase
from training.fit.checkpoints import Progress, load_checkpoint, save_checkpoint
from training.fit.fit import Plan, averaged, blend, compile_model, fit

# Keras 3.15 copies TensorFlow variables the old way (keras/src/backend/tensorflow/core.py).
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

TINY = (2, 2, 2)


class Squares:
    """Crops with a bright square, which is the lesion."""

    def batches(self, size):
        rng = np.random.default_rng(0)
        while True:
            x = rng.normal(0, 0.1, (size, 16, 16, CHANNELS)).astype(np.float32)
            y = np.ones((size, 16, 16, 4), dtype=np.float32)
            y[..., 0] = 0.0
            y[:, 4:10, 5:12, 0] = 1.0
            yield x + 3 * y[..., :1], y


class Broken:
    def batches(self, size):
        yield from itertools.islice(Squares().batches(size), 2)
        raise OSError("disk gone")


class Clock:
    """A clock that advances a second each time it is read."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1.0
        return self.now


def head():
    voxels = np.zeros((6, 24, 24), dtype=np.float32)
    voxels[:, 3:21, 3:21] = 1.0
    mask = np.zeros(voxels.shape, dtype=bool)
    mask[1:5, 8:14, 8:14] = True
    voxels[mask] = 4.0
    return case_from_real(RealCase("a", voxels, mask), InputContract())


def start(folder, plan, sampler=None, held_out=(), name="attention_unet"):
    keras.utils.set_random_seed(1)
    model = build(name, filters=TINY)
    quiet = []
    progress = fit(
        model,
        sampler or Squares(),
        held_out,
        folder,
        plan,
        contract=InputContract(),
        say=quiet.append,
        clock=Clock(),
    )
    return model, progress


def losses(folder):
    with (folder / "log.csv").open() as stream:
        return [float(row["loss"]) for row in csv.DictReader(stream)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["attention_unet", "unet_plus_plus"])
def test_the_loss_falls_and_the_budget_of_time_ends_the_run(tmp_path, name):
    plan = Plan(minutes=2.0, batch=2, log_steps=5)
    _, progress = start(tmp_path, plan, name=name)
    assert 20 <= progress.step <= 40  # the clock is read three or four times each step
    found = losses(tmp_path)
    assert found[-1] < found[0]
    assert (tmp_path / "average.weights.h5").exists()


@pytest.mark.slow
def test_a_killed_training_run_goes_on_where_it_was(tmp_path):
    _, first = start(tmp_path, Plan(minutes=0.5, batch=2, log_steps=1))
    _, second = start(tmp_path, Plan(minutes=1.0, batch=2, log_steps=1))
    assert second.step > first.step
    with (tmp_path / "log.csv").open() as stream:
        steps = [int(row["step"]) for row in csv.DictReader(stream)]
    assert steps == list(range(1, second.step + 1))


@pytest.mark.slow
def test_validation_is_logged_and_the_best_weights_are_kept(tmp_path):
    plan = Plan(minutes=0.5, batch=2, validate_minutes=0.2)
    start(tmp_path, plan, held_out=[head()])
    records = [
        json.loads(line) for line in (tmp_path / "validation.jsonl").read_text().splitlines()
    ]
    assert len(records) >= 2
    assert "dice_tumour" in records[-1]["summary"]
    assert (tmp_path / "best.weights.h5").exists()


def test_an_error_of_the_sampler_ends_the_run(tmp_path):
    with pytest.raises(OSError, match="disk gone"):
        start(tmp_path, Plan(minutes=10.0, batch=2), sampler=Broken())


def test_a_checkpoint_restores_everything(tmp_path):
    model = build("attention_unet", filters=TINY)
    compile_model(model, Plan(minutes=1.0))
    x, y = next(Squares().batches(2))
    model.train_on_batch(x, y)
    average = [value * 0.5 for value in model.get_weights()]
    save_checkpoint(tmp_path / "c.npz", model, average, Progress(7, 12.5, 0.25))
    other = build("attention_unet", filters=TINY)
    compile_model(other, Plan(minutes=1.0))
    found, progress = load_checkpoint(tmp_path / "c.npz", other)
    assert progress == Progress(7, 12.5, 0.25)
    for mine, theirs in zip(average, found, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for mine, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for mine, theirs in zip(model.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(mine.value), np.asarray(theirs.value))


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    model = build("attention_unet", filters=TINY)
    compile_model(model, Plan(minutes=1.0))
    model.optimizer.build(model.trainable_variables)
    save_checkpoint(tmp_path / "c.npz", model, model.get_weights(), Progress())
    other = build("unet_plus_plus", filters=TINY)
    compile_model(other, Plan(minutes=1.0))
    with pytest.raises(WeightsError, match="checkpoint must be of network unet_plus_plus"):
        load_checkpoint(tmp_path / "c.npz", other)


def test_averaged_weights_move_towards_the_weights_and_the_model_gets_its_own_back():
    average = [np.array([1.0, 2.0], dtype=np.float32)]
    blend(average, [np.array([3.0, 2.0], dtype=np.float32)], 0.75)
    np.testing.assert_allclose(average[0], [1.5, 2.0])
    model = build("attention_unet", filters=TINY)
    own = model.get_weights()
    with averaged(model, [value * 0 for value in own]):
        assert not any(value.any() for value in model.get_weights())
    for mine, after in zip(own, model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, after)
