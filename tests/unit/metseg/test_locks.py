"""A lock file is held by one, and tells who."""

import os
from pathlib import Path

import pytest

from metseg.locks import HeldLock, note_of_holder


def test_a_held_lock_tells_its_note_and_a_released_one_nothing(tmp_path: Path) -> None:
    path = tmp_path / "one.lock"
    assert note_of_holder(path) is None
    lock = HeldLock.take(path, "a long note of the first")
    assert lock is not None
    assert HeldLock.take(path, "second") is None
    assert note_of_holder(path) == "a long note of the first"
    lock.release()
    assert note_of_holder(path) is None
    assert HeldLock.take(path, "short") is not None
    assert note_of_holder(path) == "short"


def test_a_lock_whose_note_cannot_be_written_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    path = tmp_path / "one.lock"
    with monkeypatch.context() as disk:
        disk.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="space"):
            HeldLock.take(path, "first")
    assert HeldLock.take(path, "second") is not None
