"""A machine with JAX and no TensorFlow, and a checkout that is not installed."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.crosscheck.test_backends import RECIPE
from tests.helpers.places import ROOT
from tests.unit.training.data.own_case_files import ball, write

# TensorFlow, what comes with it, and all that says where this checkout is installed.
LEFT_OUT = ("tensorflow", "tensorboard", "metseg", "_metseg", "__editable__", "torch")

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def without_tensorflow(tmp_path: Path) -> dict[str, str]:
    """The environment of a Python that finds JAX, the checkout, and neither of the above."""
    site = tmp_path / "site"
    site.mkdir()
    for found in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not found.name.lower().startswith(LEFT_OUT) and found.suffix != ".pth":
            (site / found.name).symlink_to(found)
    return os.environ | {
        "PYTHONPATH": f"{site}{os.pathsep}{ROOT}",
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "KERAS_HOME": str(tmp_path / "keras"),
    }


def output_of(environment: dict[str, str], *arguments: str, cwd: Path) -> str:
    # Without -S the environment's own packages would be found beside these.
    done = subprocess.run(
        [sys.executable, "-S", *arguments],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=840,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("loaders", [0, 1])
def test_a_network_trains_on_jax_from_a_checkout_that_is_not_installed(
    without_tensorflow: dict[str, str], tmp_path: Path, loaders: int
) -> None:
    words = (
        "from importlib.util import find_spec; from importlib.metadata import distributions; "
        "print(find_spec('tensorflow'), 'metseg' in {d.name for d in distributions()})"
    )
    assert output_of(without_tensorflow, "-c", words, cwd=tmp_path).split() == ["None", "False"]
    for name in ("a", "b"):
        (tmp_path / "cases" / name).mkdir(parents=True)
        write(tmp_path / "cases" / name, "image.nii.gz", ball() * 10)
        write(tmp_path / "cases" / name, "mask.nii.gz", ball())
    (tmp_path / "r.toml").write_text(f"loaders = {loaders}\n{RECIPE}")
    output_of(without_tensorflow, "-m", "metseg", "train", "r.toml", "--out", "run", cwd=tmp_path)
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["backend"] == "jax"
    assert facts["versions"]["metseg"] is None
    assert facts["reached"]["steps"] == 2
    assert (tmp_path / "run" / "average.weights.h5").exists()
