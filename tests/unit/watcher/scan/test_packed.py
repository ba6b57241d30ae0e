import pytest

from db.intake.files import KnownFile
from db.intake.fingerprint import LONGEST_TIME, Fingerprint
from db.tables.tables import FileStatus
from watcher.scan.packed import PackedFiles

FILES = {
    "a": KnownFile(1, Fingerprint(0, 0, 0), FileStatus.SEEN),
    "b": KnownFile(2**62, Fingerprint(2**62, LONGEST_TIME - 1, 2**64 - 1), FileStatus.INGESTED),
    "c": KnownFile(3, Fingerprint(5, 6, 7), FileStatus.IGNORED, "hidden"),
    "d": KnownFile(4, Fingerprint(5, 6, 7), FileStatus.QUARANTINED, "hidden"),
    "e": KnownFile(5, Fingerprint(5, 6, 7), FileStatus.IGNORED, "hidden"),
}


def packed() -> PackedFiles:
    files = PackedFiles()
    for path, file in FILES.items():
        files.put(path, file)
    return files


@pytest.mark.parametrize("path", FILES)
def test_a_file_comes_back_as_it_was_put(path: str) -> None:
    assert packed().get(path) == FILES[path]


def test_a_file_that_was_never_put_is_not_known() -> None:
    assert packed().get("z") is None


def test_open_are_the_files_that_are_not_done_as_they_now_stand() -> None:
    files = packed()
    assert list(files.open) == ["a"]
    files.put("a", FILES["b"])
    files.put("c", KnownFile(3, Fingerprint(8, 9, 7), FileStatus.SETTLED))
    assert list(files.open) == ["c"]
    assert files["a"] == FILES["b"]
