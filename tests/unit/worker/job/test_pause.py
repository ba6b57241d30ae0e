"""Pauses double, outlive the process that met the trouble, and end with a success."""

from pathlib import Path

from metseg.settings import Settings
from worker.job.pause import low_space, pause_note, paused_reason


def test_each_trouble_in_a_row_pauses_twice_as_long(tmp_path: Path) -> None:
    note = pause_note(tmp_path)
    assert note.hit("disk", now=100.0, backoff_s=30.0).until == 130.0
    assert note.hit("disk", now=200.0, backoff_s=30.0).until == 260.0
    note.clear()
    assert note.hit("disk", now=300.0, backoff_s=30.0).until == 330.0


def test_another_process_of_the_worker_reads_the_pause(tmp_path: Path) -> None:
    pause_note(tmp_path).hit("the device failed", now=100.0, backoff_s=30.0)
    settings = Settings(home=tmp_path, min_free_mb=0)
    note = pause_note(tmp_path)
    assert paused_reason(settings, note, now=129.0) == "the device failed"
    assert paused_reason(settings, note, now=131.0) is None


def test_a_damaged_pause_note_is_not_a_pause(tmp_path: Path) -> None:
    (tmp_path / "pause.json").write_text("{")
    assert pause_note(tmp_path).read() is None


def test_too_little_space_names_the_folder_by_its_role(tmp_path: Path) -> None:
    folders = {"results": tmp_path / "not" / "made" / "yet"}
    assert "results: " in str(low_space(folders, min_free_mb=1e12))
    assert low_space(folders, min_free_mb=0) is None
