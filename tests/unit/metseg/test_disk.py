import os
from pathlib import Path

import pytest

from metseg.disk import flush_all, replace_text, spool_path


def test_a_spooled_file_lies_in_the_folder_of_its_first_two_digits() -> None:
    assert spool_path(Path("/spool"), "ab" + "0" * 62) == Path("/spool/ab/ab" + "0" * 62 + ".dcm")


@pytest.mark.parametrize("sha256", ["", "../../etc/passwd", "AB" + "0" * 62, "0" * 63])
def test_only_a_sha256_makes_a_spool_path(sha256: str) -> None:
    with pytest.raises(ValueError, match="sha256 must be 64"):
        spool_path(Path("/spool"), sha256)


@pytest.mark.parametrize("count", [0, 1, 2, 40])
def test_all_files_are_flushed_each_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(os.fstat(descriptor).st_ino))
    paths = [tmp_path / str(number) for number in range(count)]
    for path in paths:
        path.touch()
    flush_all(paths)
    assert sorted(flushed) == sorted(path.stat().st_ino for path in paths)


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_one_file_that_cannot_be_flushed_is_an_error(tmp_path: Path, missing: int) -> None:
    paths = [tmp_path / str(number) for number in range(3)]
    for number, path in enumerate(paths):
        if number != missing:
            path.touch()
    with pytest.raises(FileNotFoundError):
        flush_all(paths)


def test_a_small_file_that_cannot_be_replaced_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "note.json"
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        replace_text(path, "text")
    assert list(tmp_path.iterdir()) == [path]
