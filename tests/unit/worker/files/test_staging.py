"""Folders of results appear as a whole, checked, under a name that says whose they are."""

import hashlib
from pathlib import Path

import pytest

from worker.files.staging import DamagedFileError, RunFolders, RunName, found_runs, parse_run

RUN = RunName(job_id=7, fence=2, token="c0ffee00")


def folders(tmp_path: Path) -> RunFolders:
    return RunFolders.of(tmp_path, study_id=3, run=RUN)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_run_name_is_read_back_from_its_folder() -> None:
    assert str(RUN) == "7-2-c0ffee00"
    assert parse_run(str(RUN)) == RUN
    assert parse_run("7-2") is None
    assert parse_run("7-2-c0ffee00.old") is None


def test_checked_files_of_a_run_are_published_as_a_whole(tmp_path: Path) -> None:
    run = folders(tmp_path)
    (run.make() / "report.json").write_bytes(b"{}")
    run.publish({"report.json": sha256(b"{}")})
    assert (tmp_path / "3" / "7-2-c0ffee00" / "report.json").read_bytes() == b"{}"
    assert not run.staged.exists()


def test_a_file_that_reads_back_otherwise_is_not_published(tmp_path: Path) -> None:
    run = folders(tmp_path)
    (run.make() / "report.json").write_bytes(b"{")
    with pytest.raises(DamagedFileError, match=r"report\.json"):
        run.publish({"report.json": sha256(b"{}")})
    assert not run.published.exists()


def test_leftovers_of_the_same_run_do_not_get_into_the_result(tmp_path: Path) -> None:
    run = folders(tmp_path)
    (run.make() / "old").touch()
    assert list(run.make().iterdir()) == []


def test_discarding_a_run_removes_both_folders_and_never_fails(tmp_path: Path) -> None:
    run = folders(tmp_path)
    run.make()
    run.published.mkdir(parents=True)
    run.discard()
    run.discard()
    assert list(found_runs(tmp_path)) == []


def test_staged_and_published_runs_are_found_and_nothing_else(tmp_path: Path) -> None:
    run = folders(tmp_path)
    run.make()
    run.published.mkdir(parents=True)
    (tmp_path / "3" / "notes").mkdir()
    (tmp_path / "3" / "7-3-c0ffee00").symlink_to(run.published)
    assert {path for _, path in found_runs(tmp_path)} == {run.staged, run.published}
    assert list(found_runs(tmp_path / "nowhere")) == []
