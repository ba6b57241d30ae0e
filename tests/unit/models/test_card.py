import json
import subprocess
import sys

import pytest

from imaging.lesions.rule import LesionRule
from metseg.disk import sha256_of
from metseg.errors import ConfigurationError, WeightsError
from models.card import Card, Member, read_card, write_card
from models.catalogue import (
    MODEL_CARD,
    describe,
    load_ensemble,
    model_version,
    short_model_card,
)

# A factory and its version, as a user would name it.


class Factory:
    version = "mine-3"
    rule = LesionRule()

    def __init__(self, **options):
        self.options = options


def member(sha256, **changes):
    fields = {
        "name": "a",
        "network": "attention_unet",
        "filters": (2, 3, 4, 5, 6),
        "depths": None,
        "batch_norm": True,
        "file": "a.weights.h5",
        "sha256": sha256,
        "temperature": 1.25,
    }
    return Member(**(fields | changes))


def card(sha256="0" * 64, **changes):
    fields = {
        "name": "standard",
        "release": "1.2.3",
        "members": (member(sha256),),
        "contract": {"spacing_mm": 1.0, "clip_percentiles": [0.5, 99.8]},
        "rule": LesionRule(0.7, 0.5, 20.0, 2),
        "seen": {},
        "measured": {},
    }
    return Card(**(fields | changes))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.weights.h5").write_bytes(b"weights")
    write_card(tmp_path / "standard.json", card(sha256_of(tmp_path / "a.weights.h5")))
    return tmp_path


def test_a_card_is_read_as_it_was_written(folder):
    assert read_card(folder / "standard.json") == card(sha256_of(folder / "a.weights.h5"))


def test_the_model_version_names_card_release_and_content(folder):
    version = model_version("standard", folder)
    assert version.startswith("standard-1.2.3+")
    assert len(version.rpartition("+")[2]) == 8


@pytest.mark.parametrize(
    "changes",
    [
        {"members": (member("1" * 64),)},
        {"members": (member("0" * 64, temperature=1.3),)},
        {"rule": LesionRule(0.8, 0.5, 20.0, 2)},
        {"contract": {"spacing_mm": 1.0, "clip_percentiles": [1.0, 99.8]}},
    ],
)
def test_card_fields_that_can_change_a_result_change_the_model_version(changes):
    assert card(**changes).version != card().version


def test_measured_values_do_not_change_the_model_version():
    assert card(measured={"dice": 0.5}).version == card().version


def test_a_sound_weights_file_is_described_as_sound(folder):
    (file,) = describe("standard", folder)
    assert file.ok
    assert file.path == folder / "a.weights.h5"


@pytest.mark.parametrize("spoil", [lambda p: p.write_bytes(b"Weights"), lambda p: p.unlink()])
def test_a_changed_or_missing_weights_file_is_refused_before_any_network_is_built(folder, spoil):
    spoil(folder / "a.weights.h5")
    assert not describe("standard", folder)[0].ok
    with pytest.raises(WeightsError, match=r"a\.weights\.h5 must have SHA-256"):
        load_ensemble("standard", weights_dir=folder)


def test_a_file_that_is_not_a_weights_file_is_refused(folder):
    with pytest.raises(WeightsError, match=r"must fit attention_unet"):
        load_ensemble("standard", weights_dir=folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"members": []}', '{"members": [{}]}'])
def test_a_file_that_is_not_a_card_is_refused(tmp_path, text):
    (tmp_path / "standard.json").write_text(text)
    with pytest.raises(WeightsError, match=r"card must be readable, got standard\.json"):
        model_version("standard", tmp_path)


def test_a_weights_file_outside_the_folder_is_refused(folder):
    path = folder / "standard.json"
    fields = json.loads(path.read_text())
    fields["members"][0]["file"] = "../a.weights.h5"
    path.write_text(json.dumps(fields))
    with pytest.raises(WeightsError, match="without folders"):
        describe("standard", folder)


@pytest.mark.parametrize("name", ["../standard", "", "a/b", "no.such.module:Factory", "json:none"])
def test_an_ensemble_name_that_cannot_be_loaded_is_refused(name, tmp_path):
    with pytest.raises(ConfigurationError, match="ensemble must be"):
        model_version(name, tmp_path)


def test_an_ensemble_factory_is_asked_for_its_version_and_given_the_options():
    name = f"{__name__}:Factory"
    assert model_version(name) == "mine-3"
    assert describe(name) == []
    made = load_ensemble(name, flip=True)
    assert made.options == {"weights_dir": None, "flip": True, "device": "auto"}


def test_naming_the_model_version_loads_no_network_library(folder):
    script = (
        "import sys; from pathlib import Path; from models.catalogue import model_version; "
        f"model_version('standard', Path({str(folder)!r})); "
        "print([name for name in ('keras', 'tensorflow', 'cv2') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_short_model_card_of_other_weights_is_not_shown(tmp_path):
    write_card(tmp_path / "standard.json", card())
    assert short_model_card("standard", tmp_path) == []
    said = {"version": card().version, "short": ["Dice 0.8 (9 gliomas)"]}
    (tmp_path / MODEL_CARD).write_text(json.dumps(said))
    assert short_model_card("standard", tmp_path) == ["Dice 0.8 (9 gliomas)"]
    (tmp_path / MODEL_CARD).write_text(json.dumps(said | {"version": "other"}))
    assert short_model_card("standard", tmp_path) == []
    (tmp_path / MODEL_CARD).write_text("{")
    assert short_model_card("standard", tmp_path) == []
    assert short_model_card("some.package:factory") == []
