import os
import shutil
from pathlib import Path

import pytest

from cli import common
from cli.daemon.run import embedded_settings
from models.catalogue import SHIPPED_WEIGHTS
from tests.helpers.dicom.phantom import Recipe, write_study
from tests.integration.cli.program import Program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path / "home")


def test_segment_writes_the_files_of_one_series(program: Program, tmp_path: Path) -> None:
    write_study(tmp_path / "series")
    ended = program.run(["segment", str(tmp_path / "series"), "--out", str(tmp_path / "out")])
    assert ended.returncode == 0, ended.stderr
    names = {path.name for path in (tmp_path / "out").iterdir()}
    pictures = {"key-slices.png", "lesion-01.png", "lesion-02.png", "lesion-03.png"}
    reports = {"measurements.dcm", "report.html", "report.json"}
    assert names == {"lesions.dcm", "mask.nii.gz"} | pictures | reports
    assert "3 lesions" in ended.stdout
    assert " 100 %\n" in ended.stderr, "a log tells how far it is"
    assert "RESEARCH USE ONLY" in ended.stdout
    assert not (tmp_path / "home").exists(), "no database is made"


def test_segment_says_why_no_series_is_suitable(program: Program, tmp_path: Path) -> None:
    write_study(tmp_path / "series", Recipe(description="T2 TSE", contrast_agent=""))
    ended = program.run(["segment", str(tmp_path / "series"), "--out", str(tmp_path / "out")])
    assert ended.returncode == 1
    assert "no suitable series" in ended.stderr


def test_results_before_any_run_say_what_to_do(program: Program) -> None:
    ended = program.run(["results"])
    assert ended.returncode == 3
    assert "metseg run" in ended.stderr


def test_an_invalid_setting_is_named(program: Program) -> None:
    ended = program.run(["status"], lease_s="-1")
    assert ended.returncode == 3
    assert "METSEG_LEASE_S" in ended.stderr


@pytest.mark.parametrize("command", [["status"], ["doctor"], ["watch", "."], ["work"]])
def test_a_broken_file_of_rules_ends_every_program_with_its_line(
    program: Program, tmp_path: Path, command: list[str]
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text("[weights]\nreformt = -3\n")
    ended = program.run(command, series_rules=str(rules))
    assert ended.returncode == 3
    told = " ".join(ended.stderr.split())
    assert "setting METSEG_SERIES_RULES" in told
    assert "line 2, weights.reformt" in told


def test_run_refuses_a_folder_that_is_not_there(program: Program, tmp_path: Path) -> None:
    ended = program.run(["run", str(tmp_path / "nowhere"), "--once"])
    assert ended.returncode == 3
    assert "INBOX must be a folder" in ended.stderr


def test_the_migrate_command_can_be_run_twice(program: Program) -> None:
    assert program.run(["migrate"]).returncode == 0
    assert program.run(["migrate"]).returncode == 0


def test_the_health_command_fails_where_nothing_runs(program: Program) -> None:
    program.run(["migrate"])
    assert program.run(["health", "worker", "--within", "0.5"]).returncode == 1


def test_run_inside_its_own_inbox_is_refused_before_any_folder_is_made(
    program: Program, tmp_path: Path
) -> None:
    write_study(tmp_path / "inbox")
    before = sorted((tmp_path / "inbox").rglob("*"))
    for where in ("inbox/home", "inbox"):
        ended = program.run(["run", str(tmp_path / "inbox"), "--home", str(tmp_path / where)])
        assert ended.returncode == 3
        assert "home must not be inside the inbox" in ended.stderr
    url = f"sqlite:///{tmp_path / 'inbox' / 'own.sqlite3'}"
    ended = program.run(["run", str(tmp_path / "inbox")], database_url=url)
    assert ended.returncode == 3
    assert "the database must not be inside the inbox" in ended.stderr
    ended = program.run(["migrate"], inbox=str(tmp_path / "inbox"), database_url=url)
    assert ended.returncode == 3
    assert sorted((tmp_path / "inbox").rglob("*")) == before


def test_run_once_without_weights_ends_and_says_what_is_missing(
    program: Program, tmp_path: Path
) -> None:
    write_study(tmp_path / "inbox")
    (tmp_path / "weights").mkdir()
    shutil.copy(SHIPPED_WEIGHTS / "standard.json", tmp_path / "weights")
    for weights in (tmp_path / "weights", tmp_path / "nowhere"):
        ended = program.run(
            ["run", str(tmp_path / "inbox"), "--once"], ensemble="standard", weights=str(weights)
        )
        assert ended.returncode == 3, ended.stdout
        assert "weights" in ended.stderr
        assert "no study was found" not in ended.stdout
    assert not (tmp_path / "home").exists(), "nothing is made"


@pytest.mark.parametrize("command", [["run", "."], ["watch", "."], ["work"]])
@pytest.mark.parametrize("name", ["spool", "results"])
def test_a_folder_that_is_not_there_ends_every_program_at_its_start(
    program: Program, tmp_path: Path, command: list[str], name: str
) -> None:
    ended = program.run(command, **{name: str(tmp_path / "away" / name)})
    assert ended.returncode == 3
    assert f"METSEG_{name.upper()} must be a folder that exists" in " ".join(ended.stderr.split())
    assert not (tmp_path / "away").exists()


def test_a_misspelt_setting_ends_the_program_with_the_nearest_name(program: Program) -> None:
    ended = program.run(["status"], quite_s="60")
    assert ended.returncode == 3
    assert "METSEG_QUITE_S is not a setting; the nearest name is METSEG_QUIET_S" in ended.stderr


@pytest.mark.parametrize(("set_to", "kept"), [({}, 2.0), ({"METSEG_QUIET_S": "60"}, 60.0),
                                              ({"metseg_quiet_s": "60"}, 60.0)])  # fmt: skip
def test_run_once_keeps_a_quiet_time_that_was_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, set_to: dict[str, str], kept: float
) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ) | set_to)
    monkeypatch.setattr(common, "setup_logging", lambda **_: None)
    assert embedded_settings(tmp_path, home=tmp_path / "home", once=True).quiet_s == kept


def test_a_worker_of_server_mode_before_migrate_says_so_in_one_line(program: Program) -> None:
    ended = program.run(["work"], broker_url="redis://127.0.0.1:9/0")
    assert ended.returncode == 3, ended.stderr
    assert "run `metseg migrate`" in ended.stderr
    assert "Traceback" not in ended.stderr
