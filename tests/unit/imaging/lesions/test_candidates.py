"""The features of a candidate separate balls from tubes and sheets, and middle from edge."""

import numpy as np
import pytest

from imaging.lesions.candidates import Evidence, components, features
from imaging.lesions.find import find_lesions
from imaging.lesions.lesion import DropReason
from imaging.lesions.rule import FEATURES, CandidateClassifier, LesionRule
from imaging.volume import Volume
from tests.helpers.dicom.phantom import grid_affine

SHAPE = (30, 40, 40)


def volume(spacing=(1.0, 1.0, 1.0)) -> Volume:
    voxels = np.full(SHAPE, 100.0, np.float32)
    return Volume(voxels, grid_affine(SHAPE, spacing, centre=(0, 0, 0)))


def ball(radius_mm=5.0, spacing=(1.0, 1.0, 1.0)) -> np.ndarray:
    at = np.stack(np.indices(SHAPE), axis=-1) - np.array(SHAPE) / 2
    return np.linalg.norm(at * spacing, axis=-1) <= radius_mm


def tube() -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[14:17, 19:22, 5:35] = True
    return mask


def sheet() -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[14:16, 8:32, 8:32] = True
    return mask


def seen(mask, head=None, *, probability=0.9, **evidence) -> dict[str, float]:
    head = head or volume()
    mean = np.where(mask, np.float32(probability), np.float32(0.01)).astype(np.float32)
    (component,) = components(Evidence(head, mean, **evidence), 0.5)
    return dict(zip(FEATURES, features(component), strict=True))


def test_a_ball_is_neither_long_nor_flat():
    found = seen(ball())
    assert found["elongation"] == pytest.approx(0.0, abs=0.05)
    assert found["flatness"] == pytest.approx(0.0, abs=0.05)
    assert np.exp(found["log_volume"]) == pytest.approx(4 / 3 * np.pi * 125, rel=0.05)


def test_a_ball_on_thick_slices_is_still_a_ball():
    thick = (3.0, 1.0, 1.0)
    found = seen(ball(8.0, thick), volume(thick))
    assert found["elongation"] + found["flatness"] < 0.25


def test_a_tube_is_long_and_a_sheet_is_flat():
    assert seen(tube())["elongation"] > 2.0
    assert seen(sheet())["flatness"] > 2.0
    assert seen(sheet())["elongation"] == pytest.approx(0.0, abs=0.05)


def test_brightness_of_a_candidate_is_relative_to_its_surroundings():
    head = volume()
    head.voxels[ball()] = 150.0
    assert seen(ball(), head)["contrast"] == pytest.approx(0.5, abs=0.01)
    assert seen(ball())["contrast"] == pytest.approx(0.0, abs=0.01)


def test_features_include_the_most_doubtful_member_and_the_brain_around():
    sure, doubtful = np.full(SHAPE, 0.9, np.float32), np.full(SHAPE, 0.2, np.float32)
    brain = np.ones(SHAPE, np.float32)
    brain[:, :, 20:] = 0.0  # the ball lies half outside
    found = seen(ball(), members=(sure, doubtful), brain=brain)
    assert found["least_member"] == pytest.approx(np.log(0.2 / 0.8), abs=1e-4)
    assert 0.3 < found["brain"] < 0.7
    assert 0.3 < found["brain_around"] < 0.7
    alone = seen(ball())
    assert alone["brain"] == alone["brain_around"] == 1.0
    assert alone["least_member"] == pytest.approx(np.log(9), abs=1e-4)


def test_a_single_voxel_and_the_corner_of_the_volume_have_features():
    mask = np.zeros(SHAPE, bool)
    mask[0, 0, 0] = True
    found = seen(mask)
    assert np.isfinite(list(found.values())).all()
    assert found["elongation"] == found["flatness"] == pytest.approx(0.0)


def test_a_candidate_outside_the_brain_is_dropped_with_the_reason():
    mean = np.where(ball(), 0.9, 0.0).astype(np.float32)
    rule = LesionRule(minimum_brain=0.5)
    inside, outside = np.ones(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    assert len(find_lesions(mean, volume(), rule, brain=inside)[1]) == 1
    _, lesions, (dropped,) = find_lesions(mean, volume(), rule, brain=outside)
    assert lesions == []
    assert dropped.reason is DropReason.OUTSIDE_BRAIN
    assert len(find_lesions(mean, volume(), rule)[1]) == 1  # without a brain


def classifier(**changes) -> CandidateClassifier:
    """A classifier that drops what is long or flat."""
    against = {"elongation": -4.0, "flatness": -4.0}
    fields = {
        "centre": (0.0,) * len(FEATURES),
        "scale": (1.0,) * len(FEATURES),
        "weights": tuple(against.get(name, 0.0) for name in FEATURES),
        "bias": 3.0,
        "least": 0.5,
    }
    return CandidateClassifier(**(fields | changes))


@pytest.mark.parametrize(("mask", "kept"), [(ball(), 1), (tube(), 0), (sheet(), 0)])
def test_the_classifier_drops_vessels_and_sheets_and_keeps_balls(mask, kept):
    rule = LesionRule(candidate_classifier=classifier())
    _, lesions, dropped = find_lesions(np.where(mask, 0.9, 0.0).astype("f4"), volume(), rule)
    assert len(lesions) == kept
    assert [one.reason for one in dropped] == [DropReason.UNLIKE_LESION] * (1 - kept)


def test_a_classifier_of_the_wrong_length_or_scale_is_refused():
    with pytest.raises(ValueError, match="weights must hold 9 numbers"):
        classifier(weights=(1.0,))
    with pytest.raises(ValueError, match="scale must be above 0"):
        classifier(scale=(0.0,) * len(FEATURES))


def test_maps_of_another_grid_are_refused():
    with pytest.raises(ValueError, match="must have the shape of volume"):
        Evidence(volume(), np.zeros(SHAPE, "f4"), members=(np.zeros((1, 2, 3), "f4"),))
