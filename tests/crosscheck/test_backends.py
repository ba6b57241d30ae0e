"""Every Keras backend gives the stored answers and trains, each in a process of its own."""

import json
import os
import subprocess
import sys

import pytest

from models.networks import BUILDERS
from tests.helpers.places import ROOT
from tests.unit.models.networks.stored_answers import TOLERANCE
from tests.unit.training.data.own_case_files import ball, write

BACKENDS = ("tensorflow", "jax", "torch")
RECIPE = """
network = "unet_plus_plus"
filters = [2, 3]
steps = 2
batch = 2
crop = 16

[material]
pairs = ["cases"]
"""

pytestmark = pytest.mark.timeout(900)  # each process imports libraries that are slow to import


def output_of(backend, *arguments, cwd=ROOT):
    """Lines that Python writes with Keras on this backend."""
    environment = os.environ | {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=840,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_backend_gives_the_stored_answers(backend):
    used, *lines = output_of(
        backend, "-m", "tests.unit.models.networks.stored_answers", "--compare"
    )
    assert used == backend
    differences = dict(line.split() for line in lines)
    assert set(differences) == set(BUILDERS)
    for name, difference in differences.items():
        assert float(difference) <= TOLERANCE, name


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_backend_finds_a_device(backend):
    words = "from models.engines.keras_engine import choose_device; print(choose_device('auto'))"
    (device,) = output_of(backend, "-c", words)
    assert device in ("cpu:0", "gpu:0")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_trains_on_a_backend(backend, tmp_path):
    for case in ("a", "b"):
        (tmp_path / "cases").mkdir(exist_ok=True)
        write(tmp_path / "cases" / case, "image.nii.gz", ball() * 10)
        write(tmp_path / "cases" / case, "mask.nii.gz", ball())
    (tmp_path / "tiny.toml").write_text(RECIPE)
    output_of(backend, "-m", "metseg", "train", "tiny.toml", "--out", "run", cwd=tmp_path)
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["backend"] == backend
    assert facts["reached"]["steps"] == 2
    assert "dice_tumour" in facts["reached"]["validation"]
    assert (tmp_path / "run" / "average.weights.h5").exists()
