"""The commands that train, in an installation without `training`, such as the container image."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import app
from cli.common import ExitCode
from tests.helpers.places import ROOT

COMMANDS = (
    ("train", "finetune", "--out", "run"),
    ("finetune", "--out", "run"),
    ("synthesize", "heads", "--label-maps", ".", "--count", "1"),
)


@pytest.mark.parametrize("missing", ["training", "h5py"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_training_command_without_the_training_extra_is_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: tuple[str, ...], missing: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, missing, None)
    answer = CliRunner().invoke(app, command)
    assert answer.exit_code == ExitCode.SETUP
    assert answer.stderr == (
        "configuration: training is not part of this installation: "
        "pip install 'metseg[training]', or use a checkout\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_the_help_of_the_program_needs_no_training() -> None:
    code = "import sys; sys.modules['training'] = None; from cli.app import app; app(['--help'])"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert "finetune" in answer.stdout
