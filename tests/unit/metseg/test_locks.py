"""A lock file is held by one, and tells who."""

from pathlib import Path

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
