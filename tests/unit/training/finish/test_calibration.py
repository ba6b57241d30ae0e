import numpy as np
import pytest

from models.averaging import calibrate
from training.finish.calibration import fit_temperature


@pytest.mark.parametrize("temperature", [0.7, 1.0, 2.5])
def test_an_overconfident_network_gets_its_temperature_back(temperature):
    rng = np.random.default_rng(0)
    honest = rng.beta(0.4, 1.0, 200_000).astype(np.float32)
    truth = rng.random(honest.size) < honest
    shown = calibrate(honest, 1 / temperature)
    assert fit_temperature(shown, truth) == pytest.approx(temperature, rel=0.05)


def test_calibration_on_one_class_alone_is_refused():
    with pytest.raises(ValueError, match="both classes"):
        fit_temperature(np.full(3, 0.5, np.float32), np.zeros(3, dtype=bool))


def test_calibration_on_different_shapes_is_refused():
    with pytest.raises(ValueError, match="one shape"):
        fit_temperature(np.full(3, 0.5, np.float32), np.zeros(2, dtype=bool))
