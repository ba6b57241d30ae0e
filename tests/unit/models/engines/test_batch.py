"""How many slices are answered at a time."""

import json

import numpy as np
import pytest

from metseg.errors import OutOfMemoryError
from models.engines.batch import Halving, fastest_batch, remembered_batch


class Small:
    """Answers at most `fits` slices at a time, each by its own mean."""

    name = "small"

    def __init__(self, fits):
        self.fits = fits
        self.sizes = []

    def __call__(self, batch):
        self.sizes.append(len(batch))
        if len(batch) > self.fits:
            raise OutOfMemoryError("memory ran out in the network")
        return batch.mean(axis=3, keepdims=True)


def shown(slices):
    return np.random.default_rng(0).normal(size=(slices, 4, 4, 4)).astype(np.float32)


@pytest.mark.parametrize("slices", [1, 7, 8])
@pytest.mark.parametrize("fits", [1, 2, 3, 8])
def test_answers_in_parts_are_those_of_the_whole(slices, fits):
    batch = shown(slices)
    found = Halving(Small(fits))(batch)
    np.testing.assert_array_equal(found, batch.mean(axis=3, keepdims=True))


def test_memory_that_ran_out_once_is_not_asked_for_again():
    network = Small(3)
    halving = Halving(network)
    assert halving.most is None
    halving(shown(8))
    assert network.sizes == [8, 4, 2, 2, 2, 2]
    assert halving.most == 2
    network.sizes.clear()
    halving(shown(8))
    assert network.sizes == [2, 2, 2, 2]


def test_one_slice_that_does_not_fit_is_an_error():
    with pytest.raises(OutOfMemoryError):
        Halving(Small(0))(shown(8))


@pytest.mark.parametrize(
    ("seconds", "size"),
    [
        ({8: 1.0, 16: 1.2, 32: 1.6, 64: 3.2}, 32),
        ({8: 1.0, 16: 2.0}, 8),
        ({8: 1.0, 16: 1.2, 32: 1.4, 64: 1.6}, 64),
        ({8: 1.0, 16: 1.2, 32: None}, 16),
        ({8: None}, 8),
    ],
)
def test_the_batch_grows_while_slices_get_cheaper_and_memory_lasts(seconds, size):
    def measured(wanted):
        if seconds[wanted] is None:
            raise OutOfMemoryError("memory ran out in the network")
        return seconds[wanted]

    assert fastest_batch(measured) == size


def test_a_batch_size_is_found_once_for_a_device(tmp_path):
    path, found = tmp_path / "cache" / "batches.json", []

    def find():
        found.append(1)
        return 32

    assert [remembered_batch(path, "A100", find) for _ in range(2)] == [32, 32]
    assert remembered_batch(path, "T4", lambda: 16) == 16
    assert json.loads(path.read_text()) == {"A100": 32, "T4": 16}
    assert len(found) == 1


@pytest.mark.parametrize("text", ["{", "[]", '{"A100": "many"}', '{"A100": 0}'])
def test_a_damaged_file_of_batch_sizes_is_written_again(tmp_path, text):
    path = tmp_path / "batches.json"
    path.write_text(text)
    assert remembered_batch(path, "A100", lambda: 16) == 16
    assert json.loads(path.read_text()) == {"A100": 16}
