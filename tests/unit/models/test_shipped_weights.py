"""The shipped weights: that they are those of the card, and that they find real tumours."""

import pytest

from imaging.lesions.find import find_lesions
from imaging.metrics.overlap import dice
from models.card import read_card
from models.catalogue import (
    SHIPPED_WEIGHTS,
    describe,
    load_ensemble,
    model_version,
    short_model_card,
)
from tests.helpers.data import require_data
from training.data.real_cases import read_glioma


@pytest.fixture(scope="module")
def ensemble():
    return load_ensemble("standard")


def test_the_shipped_weights_files_are_those_of_the_card():
    files = describe("standard")
    assert [file.path.name for file in files] == [
        "attention_unet.weights.h5",
        "unet_plus_plus.weights.h5",
    ]
    assert all(file.ok for file in files)


def test_the_shipped_model_version_names_the_release():
    assert model_version("standard").startswith("standard-3.")


@pytest.mark.data
@pytest.mark.slow
def test_a_real_tumour_is_outlined_as_well_as_by_networks_that_never_saw_it(ensemble):
    case = read_glioma(require_data("glioma/Brats18_TCIA01_499_1"))
    card = read_card(SHIPPED_WEIGHTS / "standard.json")
    unseen = next(
        row["dice"]
        for row in card.measured["cross_validation"]
        if (row["head"], row["subject"]) == (case.name, "ensemble")
    )
    labels, _ = found(ensemble, case.volume())
    assert dice(labels > 0, case.mask) > unseen - 0.05


def found(ensemble, volume):
    prediction = ensemble.predict(volume)
    labels, lesions, _ = find_lesions(
        prediction.mean,
        volume,
        ensemble.rule,
        members=list(prediction.members.values()),
        brain=prediction.brain,
    )
    return labels, lesions


def test_the_ensemble_is_no_worse_than_its_best_member_and_the_model_card_is_of_these_weights():
    card = read_card(SHIPPED_WEIGHTS / "standard.json")
    merit = dict(card.measured["merit"])
    assert merit.pop("ensemble") >= max(merit.values())
    assert short_model_card("standard")
