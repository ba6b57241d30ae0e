"""The weights in the box: that they are the ones on the card, and that they see real tumours."""

import numpy as np
import pytest

from imaging.lesions import find_lesions
from imaging.metrics import dice
from models.catalogue import describe, load_ensemble, model_version
from models.training.own_cases import read_volume
from models.training.real_cases import read_glioma
from tests.data import require_data


@pytest.fixture(scope="module")
def ensemble():
    return load_ensemble("standard")


def test_the_files_are_those_of_the_card():
    files = describe("standard")
    assert [file.path.name for file in files] == [
        "attention_unet.weights.h5",
        "unet_plus_plus.weights.h5",
    ]
    assert all(file.ok for file in files)


def test_the_version_names_the_release():
    assert model_version("standard").startswith("standard-1.")


@pytest.mark.data
@pytest.mark.slow
def test_the_large_metastasis_of_a_real_study_is_found_at_the_back(ensemble):
    folder = require_data("mets/BraTS-MET-00110-000")
    volume = read_volume(folder / "BraTS-MET-00110-000-t1c.nii.gz")
    prediction = ensemble.predict(volume)
    _, lesions, _ = find_lesions(prediction.mean, volume, ensemble.rule)
    largest = lesions[0]
    assert largest.longest_diameter_mm > 30.0
    brain = np.argwhere(volume.voxels > 0)
    middle = volume.to_lps(brain.mean(axis=0))
    assert largest.centroid_lps_mm[1] > middle[1] + 20.0  # LPS: y grows towards the back


@pytest.mark.data
@pytest.mark.slow
def test_a_real_tumour_that_no_network_was_trained_on_is_outlined(ensemble):
    case = read_glioma(require_data("glioma/Brats18_TCIA01_499_1"))
    prediction = ensemble.predict(case.volume())
    labels, _, _ = find_lesions(prediction.mean, case.volume(), ensemble.rule)
    assert dice(labels > 0, case.mask) > 0.7
