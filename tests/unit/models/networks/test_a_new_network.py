"""The recipe "A network" of CONTRIBUTING.md, walked with a toy: a module and a line in the table
are all that recipes, cards, engines and ensembles need.
"""

from dataclasses import replace

import keras
import numpy as np
import pytest

from imaging.lesions.rule import LesionRule
from imaging.volume import Volume
from metseg.disk import sha256_of
from models.card import Card, Member, write_card
from models.catalogue import load_ensemble
from models.networks import BUILDERS
from models.networks.build import OUTPUTS, build
from tests.helpers.network_weights import fill
from training.recipe import read_recipe

# Keras 3.15 copies TensorFlow variables the old way (keras/src/backend/tensorflow/core.py).
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

TOY = """
import keras
from models.networks.blocks import double_convolution, probability_maps

def toy(*, channels, filters, outputs, batch_norm):
    inputs = keras.Input((None, None, channels), name="slices")
    x = double_convolution(inputs, filters[0], name="only", batch_norm=batch_norm)
    return keras.Model(inputs, probability_maps(x, outputs, name="probability"), name="toy")
"""
FILTERS = (3, 3)


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """The name of a network that is in a module of its own and in the table, nowhere else."""
    (tmp_path / "toy_network.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(BUILDERS, "toy", "toy_network:toy")
    return "toy"


def member(name, folder, *, seed):
    """A member of that network with drawn weights in a file of its own."""
    model = build(name, filters=FILTERS)
    fill(model, seed=seed)
    file = f"{name}_{seed}.weights.h5"
    model.save_weights(folder / file)
    sha256 = sha256_of(folder / file)
    return Member(f"{name}_{seed}", name, FILTERS, None, True, file, sha256, outputs=OUTPUTS)


def test_a_network_in_the_table_can_be_trained_by_its_name(toy):
    assert read_recipe("base_attention_unet", [f"network={toy}"]).network == toy


def test_a_network_in_the_table_runs_as_a_member_of_an_ensemble(toy, tmp_path):
    members = (member(toy, tmp_path, seed=1), member(toy, tmp_path, seed=2))
    assert isinstance(build(toy, filters=FILTERS), keras.Model)
    card = Card("toys", "1.0.0", members, {}, LesionRule(), {}, {})
    write_card(tmp_path / "toys.json", card)
    ensemble = load_ensemble("toys", weights_dir=tmp_path, device="cpu", engine="keras")
    voxels = np.random.default_rng(0).uniform(50, 100, (6, 24, 20)).astype(np.float32)
    volume = Volume(voxels, np.eye(4))
    found = ensemble.predict(volume)
    assert ensemble.version == card.version
    assert set(found.members) == {"toy_1", "toy_2"}
    maps = list(found.members.values())
    np.testing.assert_allclose(found.mean, np.mean(maps, axis=0), atol=1e-6)
    assert not np.allclose(*maps)
    assert found.mean.shape == volume.shape
    assert found.brain is not None
    alone = replace(card, members=members[:1])
    assert alone.version != card.version


def test_a_network_that_is_not_in_the_table_is_refused():
    with pytest.raises(ValueError, match="name must be one of"):
        build("toy", filters=FILTERS)
