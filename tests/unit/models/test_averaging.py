from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from imaging.lesions.rule import LesionRule
from imaging.volume import Volume
from metseg.compute import Compute
from metseg.errors import OutOfMemoryError
from models.averaging import BATCH, NetworkEnsemble, calibrate, predict_slices
from models.engines.batch import Halving
from models.inputs import InputContract

SAGITTAL = np.array([[2.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


@dataclass
class Bright:
    """Takes bright voxels of the middle channel for a lesion, and notes the shapes it sees."""

    name: str
    probability: float = 1.0
    shapes: list = field(default_factory=list)

    def __call__(self, batch):
        self.shapes.append(batch.shape)
        return (batch[..., 1:2] > 2.0).astype(np.float32) * np.float32(self.probability)


class WithBrain(Bright):
    """Also takes everything brighter than air for brain."""

    def __call__(self, batch):
        lesion = super().__call__(batch)
        return np.concatenate([lesion, (batch[..., 1:2] > -0.5).astype(np.float32)], axis=-1)


class LeftHalf:
    name = "left"

    def __call__(self, batch):
        result = np.zeros((*batch.shape[:3], 1), dtype=np.float32)
        result[:, :, : batch.shape[2] // 2] = 1.0
        return result


def head_with_spot():
    """A sagittal head of 24 slices of 2 mm with one bright spot."""
    voxels = np.zeros((24, 50, 44), dtype=np.float32)
    voxels[3:21, 5:45, 6:38] = 100.0 + np.random.default_rng(0).normal(0, 5, (18, 40, 32))
    spot = np.zeros(voxels.shape, dtype=bool)
    spot[10:14, 20:28, 16:24] = True
    voxels[spot] = 300.0
    return Volume(voxels, SAGITTAL), spot


def ensemble(*networks, flip=False):
    return NetworkEnsemble("test-1", LesionRule(), InputContract(), networks, flip)


def test_probabilities_are_on_the_native_grid_and_averaged():
    volume, spot = head_with_spot()
    prediction = ensemble(Bright("a"), Bright("b", 0.5)).predict(volume)
    assert list(prediction.members) == ["a", "b"]
    assert prediction.mean.shape == volume.shape
    assert prediction.mean.dtype == np.float32
    found = prediction.members["a"] > 0.5
    assert 2 * (found & spot).sum() / (found.sum() + spot.sum()) > 0.9
    middle = prediction.mean[12, 24, 20]
    assert middle == pytest.approx(0.75)  # (1 + 0.5) / 2
    assert prediction.mean.min() >= 0.0
    assert prediction.mean.max() <= 1.0
    assert set(prediction.seconds) == {"prepare", "infer"}


def test_the_brain_is_the_mean_of_the_members_that_report_it():
    volume, _ = head_with_spot()
    assert ensemble(Bright("a")).predict(volume).brain is None
    brain = ensemble(Bright("a"), WithBrain("b")).predict(volume).brain
    assert brain.shape == volume.shape
    assert brain[12, 24, 14] == pytest.approx(1.0)
    assert brain[0, 0, 0] == 0.0


def test_temperatures_apply_to_lesions_alone():
    volume, _ = head_with_spot()
    networks = [WithBrain("a", 0.8), WithBrain("b", 0.8)]
    cool = NetworkEnsemble("t", LesionRule(), InputContract(), networks, temperatures={"a": 2.0})
    prediction = cool.predict(volume)
    at = (12, 24, 20)
    assert prediction.members["a"][at] == pytest.approx(2 / 3, abs=1e-5)  # odds 4, square root 2
    assert prediction.members["b"][at] == pytest.approx(0.8, abs=1e-5)
    assert prediction.brain[at] == pytest.approx(1.0)


def test_candidates_are_refined_in_other_planes_when_the_contract_says_so():
    volume, _ = head_with_spot()
    plain, network = Bright("a"), Bright("a")
    both = [
        NetworkEnsemble("t", LesionRule(), InputContract(multiplanar=wanted), [one]).predict(volume)
        for wanted, one in ((False, plain), (True, network))
    ]
    assert len(network.shapes) > len(plain.shapes)
    # This network gives a voxel the same answer in every plane.
    np.testing.assert_allclose(both[0].mean, both[1].mean, atol=1e-5)


def test_progress_of_an_ensemble_with_multiplanar_refinement_rises_to_1():
    heard = []
    volume, _ = head_with_spot()
    NetworkEnsemble("t", LesionRule(), InputContract(multiplanar=True), [Bright("a")]).predict(
        volume, progress=heard.append
    )
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1.0)


def test_progress_of_an_ensemble_rises_to_1():
    heard = []
    volume, _ = head_with_spot()
    ensemble(Bright("a"), Bright("b")).predict(volume, progress=heard.append)
    assert heard == sorted(heard)
    assert heard[0] > 0.0
    assert heard[-1] == pytest.approx(1.0)


def test_all_network_calls_have_one_shape_of_multiples_of_16():
    network = Bright("a")
    volume, _ = head_with_spot()
    ensemble(network).predict(volume)
    assert len(set(network.shapes)) == 1
    count, height, width, channels = network.shapes[0]
    assert (count, channels) == (BATCH, 4)
    assert height % 16 == width % 16 == 0


def test_the_volume_that_an_ensemble_sees_does_not_change():
    volume, _ = head_with_spot()
    before = volume.voxels.copy()
    ensemble(Bright("a")).predict(volume)
    np.testing.assert_array_equal(volume.voxels, before)


def test_flipping_averages_the_head_and_its_mirror_image():
    normalised = np.zeros((3, 16, 32), dtype=np.float32)
    plain = predict_slices(LeftHalf(), normalised, normalised)[0]
    assert plain[:, :, :16].all()
    assert not plain[:, :, 16:].any()
    both = predict_slices(LeftHalf(), normalised, normalised, flip=True)[0]
    np.testing.assert_array_equal(both, np.full((3, 16, 32), 0.5, dtype=np.float32))


@pytest.mark.parametrize("depth", [1, BATCH - 1, BATCH, BATCH + 1])
def test_an_ensemble_answers_every_slice_once(depth):
    normalised = np.zeros((depth, 20, 20), dtype=np.float32)
    normalised[:, 10, 10] = 3.0 * (np.arange(depth) % 2)
    found = predict_slices(Bright("a"), normalised, normalised)[0]
    np.testing.assert_array_equal(found[:, 10, 10], np.arange(depth) % 2)


def test_an_ensemble_answers_an_empty_volume():
    volume = Volume(np.zeros((5, 20, 20), dtype=np.float32), np.eye(4))
    assert not ensemble(Bright("a")).predict(volume).mean.any()


def test_the_other_member_answers_only_around_the_findings_of_a_scout():
    volume, _ = head_with_spot()
    scout, other = WithBrain("scout"), WithBrain("other", 0.5)
    contract = InputContract(scout="scout")
    both = NetworkEnsemble("test-1", LesionRule(), contract, [other, scout])
    heard = []
    prediction = both.predict(volume, progress=heard.append)
    assert list(prediction.members) == ["other", "scout"]
    assert prediction.mean[12, 24, 20] == pytest.approx(0.75)  # (1 + 0.5) / 2
    asked = [np.prod(shape[:3]) for shape in other.shapes]
    assert 0 < sum(asked) < 0.6 * sum(np.prod(shape[:3]) for shape in scout.shapes)
    assert prediction.brain is not None
    assert prediction.brain[12, 24, 20] == pytest.approx(1.0)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0


def test_a_scout_that_is_not_a_member_is_refused():
    volume, _ = head_with_spot()
    lost = NetworkEnsemble("t", LesionRule(), InputContract(scout="c"), [Bright("a"), Bright("b")])
    with pytest.raises(ValueError, match="scout must be one of the networks, got 'c'"):
        lost.predict(volume)


@pytest.mark.parametrize(
    ("probability", "temperature", "expected"),
    [
        (0.8, 1.0, 0.8),
        (0.8, 2.0, 2 / 3),  # odds 4, square root 2, 2 / 3
        (0.5, 3.0, 0.5),
        (0.9, 0.5, 81 / 82),  # odds 9, squared 81
    ],
)
def test_calibration_divides_the_logits(probability, temperature, expected):
    found = calibrate(np.array([probability], dtype=np.float32), temperature)
    assert found.dtype == np.float32
    assert found[0] == pytest.approx(expected, abs=1e-6)


def test_calibration_keeps_certainty_inside_0_and_1():
    found = calibrate(np.array([0.0, 1.0], dtype=np.float32), 1.7)
    assert np.isfinite(found).all()
    assert 0.0 <= found[0] < 0.01
    assert 0.99 < found[1] <= 1.0


def test_the_batch_of_a_prediction_is_that_after_memory_ran_out():
    class Cramped(Bright):
        def __call__(self, batch):
            if len(batch) > 2:
                raise OutOfMemoryError("memory ran out in the network")
            return super().__call__(batch)

    loaded = Compute("Fake (GPU-0)", "keras", "float32", 8)
    both = ensemble(Halving(Cramped("a")), Halving(Bright("b")))
    volume, _ = head_with_spot()
    assert replace(both, compute=loaded).predict(volume).compute.batch == 2
    roomy = replace(ensemble(Halving(Bright("a"))), compute=loaded)
    assert roomy.predict(volume).compute.batch == 8
