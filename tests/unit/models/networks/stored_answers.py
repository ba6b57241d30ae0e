"""What the networks answered once, with small random weights: ``stored_answers.npz``.

`python -m tests.unit.models.networks.stored_answers` writes the file, with Keras on TensorFlow on a
processor. Needed only when a network is added or its maths is meant to change. With ``--compare``
it says the backend and, in one line per network, how far its answers are from the stored ones.
"""

import sys
from pathlib import Path

import keras
import numpy as np

from models.inputs import CHANNELS
from models.networks import BUILDERS
from models.networks.build import build
from tests.helpers.network_weights import fill

PATH = Path(__file__).with_suffix(".npz")
FILTERS = (2, 3, 4, 5, 6)
# In probability. Backends sum in different orders; float32 then differs by some 1e-7.
TOLERANCE = 1e-5


def answers(model, batch):
    """The ``(B, H, W, outputs)`` float32 array of every depth, in a list."""
    found = model(batch, training=False)
    maps = found if isinstance(found, list) else [found]
    return [keras.ops.convert_to_numpy(one) for one in maps]


def stored_network(name):
    """The network with the stored weights."""
    model = build(name, filters=FILTERS)
    with np.load(PATH) as stored:
        for layer in model.layers:
            for weight in layer.weights:
                weight.assign(stored[f"{name}/{layer.name}/{weight.name}"])
    return model


def largest_difference(name):
    """The largest difference between the answer now and the stored one, over all depths."""
    with np.load(PATH) as stored:
        batch = stored["batch"]
        expected = [stored[key] for key in sorted(stored) if key.startswith(f"{name}/answer_")]
    found = answers(stored_network(name), batch)
    pairs = zip(found, expected, strict=True)
    return max(float(np.abs(mine - other).max()) for mine, other in pairs)


def write():
    """Draw weights and input, and store them with the answers."""
    batch = np.random.default_rng(0).normal(size=(1, 16, 32, CHANNELS)).astype(np.float32)
    arrays = {"batch": batch}
    for seed, name in enumerate(sorted(BUILDERS), start=1):
        model = build(name, filters=FILTERS)
        fill(model, seed=seed)
        for layer in model.layers:
            for weight in layer.weights:
                path = f"{name}/{layer.name}/{weight.name}"
                arrays[path] = keras.ops.convert_to_numpy(weight)
        for number, answer in enumerate(answers(model, batch)):
            arrays[f"{name}/answer_{number}"] = answer
    np.savez_compressed(PATH, **arrays)


if __name__ == "__main__":
    if sys.argv[1:] == ["--compare"]:
        lines = [keras.backend.backend(), *(f"{n} {largest_difference(n):.3e}" for n in BUILDERS)]
        sys.stdout.write("\n".join(lines) + "\n")
    else:
        write()
