import csv
import json
from pathlib import Path

import pytest

from metseg.errors import ConfigurationError, MetsegError
from models.networks.build import build
from tests.unit.training.data.own_case_files import ball, write, write_series
from training.recipe import read_recipe, recipe_toml
from training.train_command import check_folder, load_weights, train_command

# Keras 3.15 copies TensorFlow variables the old way (keras/src/backend/tensorflow/core.py).
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

TINY = """
network = "attention_unet"
filters = [2, 3]
steps = 2
batch = 2
crop = 16
precision = "float32"
"""


def silent(_: str) -> None:
    """What a run says is also in its log."""


def recipe(folder: Path) -> Path:
    path = folder / "tiny.toml"
    path.write_text(f'{TINY}\n[material]\npairs = ["{folder / "cases"}"]\n')
    return path


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    folder = tmp_path / "cases"
    folder.mkdir()
    write(folder / "a", "image.nii.gz", ball() * 10)
    write(folder / "a", "mask.nii.gz", ball())
    write_series(folder / "b")
    write(folder / "c", "image.nii.gz", ball())
    return folder


@pytest.mark.slow
def test_a_training_run_leaves_its_recipe_and_its_results_and_can_go_on(
    tmp_path: Path, cases: Path
) -> None:
    config, out = recipe(tmp_path), tmp_path / "run"
    standing = train_command(config, out, say=silent)
    assert standing.step == 2
    assert read_recipe(out / "run.toml") == read_recipe(config)
    log = (out / "run.log").read_text()
    assert "case 3 is left out: a case must hold mask.nii.gz or one DICOM SEG" in log
    assert "2 own cases, 1 of them held out" in log
    load_weights(build("attention_unet", filters=(2, 3)), out / "average.weights.h5")

    train_command(config, out, changes=["steps=27"], say=silent)
    facts = json.loads((out / "run.json").read_text())
    assert (facts["steps"], facts["reached"]["steps"]) == (27, 27)
    assert "dice_tumour" in facts["reached"]["validation"]
    with (out / "log.csv").open() as stream:
        assert [row["step"] for row in csv.DictReader(stream)] == ["25"]
    with pytest.raises(ConfigurationError, match="got another batch, seed"):
        train_command(config, out, changes=["seed=9", "batch=1"], say=silent)


def test_a_continued_run_may_have_another_budget(tmp_path: Path) -> None:
    config = recipe(tmp_path)
    (tmp_path / "run.toml").write_text(recipe_toml(read_recipe(config)))
    check_folder(tmp_path, read_recipe(config, ["minutes=3", "threads=1", "validation.count=0"]))
    with pytest.raises(ConfigurationError, match="the same recipe, got another filters"):
        check_folder(tmp_path, read_recipe(config, ["filters=[4, 8]"]))


@pytest.mark.filterwarnings("ignore:Skipping nested container:UserWarning")  # Keras, then raises
def test_starting_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    build("attention_unet", filters=(2, 4)).save_weights(tmp_path / "x.weights.h5")
    with pytest.raises(ConfigurationError, match=r"weights of attention_unet .*, got x\.weights"):
        load_weights(build("attention_unet", filters=(2, 3)), tmp_path / "x.weights.h5")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("material.pairs=['{0}/none']", "material.pairs must be a folder that exists, got 'none'"),
        ("material.heads={0}", r"material.heads must hold \*.npz, got none"),
        ("finetune.release=mine", "finetune is for metseg finetune"),
    ],
)
def test_a_run_that_is_impossible_is_refused_with_the_rule(
    tmp_path: Path, cases: Path, change: str, message: str
) -> None:
    with pytest.raises(MetsegError, match=message):
        train_command(
            recipe(tmp_path), tmp_path / "run", changes=[change.format(tmp_path)], say=silent
        )
