from pathlib import Path

import numpy as np
import pytest

from imaging.lesions.rule import LesionRule
from metseg.disk import sha256_of
from metseg.errors import ConfigurationError, WeightsError
from models.card import Card, Member, read_card, write_card
from models.catalogue import load_ensemble
from models.networks.build import build
from tests.unit.training.data.own_case_files import ball, write, write_series
from training.finetuning import finetune_command

# Keras 3.15 copies TensorFlow variables the old way (keras/src/backend/tensorflow/core.py).
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

FILTERS = (2, 3)
CHANGES = ("steps=1", "batch=2", "crop=16", "precision=float32")


def silent(_: str) -> None:
    """What a run says is also in its log."""


def member(folder: Path, network: str, **depths: tuple[int, ...]) -> Member:
    file = f"{network}.weights.h5"
    build(network, filters=FILTERS).save_weights(folder / file)
    sha256 = sha256_of(folder / file)
    return Member(
        network, network, FILTERS, depths.pop("depths", None), True, file, sha256, 1.5, 2, **depths
    )


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / "weights"
    folder.mkdir()
    members = (
        member(folder, "attention_unet"),
        member(folder, "unet_plus_plus", depths=(1,), stored_depths=(1,)),
    )
    measured = {"heads": "of the old weights"}
    card = Card("standard", "1", members, {"clahe_clip": 1.5}, LesionRule(), {}, measured)
    write_card(folder / "standard.json", card)
    return folder


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    folder = tmp_path / "cases"
    folder.mkdir()
    write(folder / "a", "image.nii.gz", ball() * 10)
    write(folder / "a", "mask.nii.gz", ball())
    write_series(folder / "b")
    return folder


def changes(cases: Path, weights: Path, *more: str) -> list[str]:
    return [*CHANGES, f"material.pairs=['{cases}']", f"finetune.weights={weights}", *more]


@pytest.mark.slow
def test_a_finetuned_ensemble_is_ready_and_its_card_says_how_it_was_made(
    tmp_path: Path, cases: Path, weights: Path
) -> None:
    told = changes(cases, weights)
    standing, made = finetune_command(Path("finetune"), tmp_path / "run", changes=told, say=silent)
    assert standing.step == 1
    old, new = read_card(weights / "standard.json"), read_card(made / "standard.json")
    assert new.version.startswith("standard-finetuned+")
    assert new.members[1] == old.members[1]
    assert new.members[0].sha256 != old.members[0].sha256
    assert (new.rule, new.contract) == (old.rule, old.contract)
    assert new.seen["finetuned"][0]["from"] == old.version
    assert set(new.measured) == {"held_out_own_cases"}
    assert "clahe_clip = 1.5" in (tmp_path / "run" / "run.toml").read_text()

    before, after = (load_ensemble("standard", weights_dir=folder) for folder in (weights, made))
    slices = np.random.default_rng(0).normal(size=(1, 16, 16, 4)).astype(np.float32)
    tuned, other = [
        [np.asarray(ensemble.networks[number](slices)) for ensemble in (before, after)]
        for number in (0, 1)
    ]
    assert np.abs(tuned[0] - tuned[1]).max() > 0
    assert np.array_equal(*other)


def test_a_network_that_the_ensemble_lacks_is_refused(
    tmp_path: Path, cases: Path, weights: Path
) -> None:
    card = read_card(weights / "standard.json")
    alone = Card("standard", "1", card.members[:1], card.contract, card.rule, {}, {})
    write_card(weights / "standard.json", alone)
    told = changes(cases, weights, "network=unet_plus_plus")
    with pytest.raises(ConfigurationError, match="must be one of attention_unet in standard"):
        finetune_command(Path("finetune"), tmp_path / "run", changes=told, say=silent)


def test_weights_that_the_card_does_not_know_are_refused(
    tmp_path: Path, cases: Path, weights: Path
) -> None:
    (weights / "attention_unet.weights.h5").write_bytes(b"other")
    with pytest.raises(WeightsError, match=r"attention_unet\.weights\.h5 must have SHA-256"):
        finetune_command(
            Path("finetune"), tmp_path / "run", changes=changes(cases, weights), say=silent
        )
