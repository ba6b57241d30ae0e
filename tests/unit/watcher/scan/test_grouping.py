"""When a study is complete, with a quiet time of 10 s at second 100."""

import pytest

from db.intake.fingerprint import Fingerprint
from watcher.scan.grouping import ReadyStudy, StudyWait, Waiting, batches, group, is_marked
from watcher.scan.settle import Observation

NOW, QUIET = 100.0, 10.0


def file(
    path: str, study: str | None, *, still_s: float, scans: int = 9, readable: bool = True
) -> Waiting:
    observation = Observation(Fingerprint(1, 1, 1), since=NOW - still_s, scans=scans)
    return Waiting(path, observation, study, readable=readable and study is not None)


def decide(
    *files: Waiting, marked: tuple[str, ...] = ()
) -> tuple[list[ReadyStudy], list[StudyWait]]:
    return group(files, marked=marked, now=NOW, quiet_s=QUIET)


def ready(*files: Waiting, marked: tuple[str, ...] = ()) -> list[str]:
    return [study.study for study in decide(*files, marked=marked)[0]]


def test_files_of_a_study_are_grouped_whatever_their_folders() -> None:
    studies, waits = decide(file("b/2", "S", still_s=11), file("a/1", "S", still_s=10))
    assert studies == [ReadyStudy("S", ("a/1", "b/2"))]
    assert waits == []


def test_a_changing_file_holds_its_study_back_from_another_folder() -> None:
    studies, waits = decide(file("a/1", "S", still_s=50), file("b/2", "S", still_s=4))
    assert studies == []
    assert waits == [StudyWait("S", 2, 6.0, "waiting for more files")]


def test_a_file_known_only_from_an_earlier_fingerprint_holds_its_study_back() -> None:
    growing = file("b/2", "S", still_s=0, scans=1, readable=False)
    assert ready(file("a/1", "S", still_s=50), growing) == []


def test_a_file_of_unknown_study_holds_its_folder_back_and_no_other() -> None:
    stranger = file("a/x", None, still_s=3)
    held, free = file("a/1", "S", still_s=12), file("b/1", "T", still_s=12)
    studies, waits = decide(stranger, held, free)
    assert [study.study for study in studies] == ["T"]
    assert waits == [StudyWait("S", 1, 7.0, "another file in its folder still moves")]


def test_an_unknown_file_that_has_settled_holds_no_study_back() -> None:
    assert ready(file("a/x", None, still_s=10), file("a/1", "S", still_s=12)) == ["S"]


def test_a_file_that_keeps_changing_does_not_hold_a_study_back_for_ever() -> None:
    log = file("a/receiver.log", None, still_s=0)
    assert ready(log, file("a/1", "S", still_s=49)) == []
    assert ready(log, file("a/1", "S", still_s=50)) == ["S"]


def test_a_marker_ends_the_wait_after_two_scans() -> None:
    assert ready(file("a/1", "S", still_s=1, scans=2), marked=("a",)) == ["S"]
    assert ready(file("a/1", "S", still_s=1, scans=1), marked=("a",)) == []


def test_a_marker_counts_for_folders_below_and_not_beside() -> None:
    assert ready(file("a/b/1", "S", still_s=1), marked=("a",)) == ["S"]
    assert ready(file("ab/1", "S", still_s=1), marked=("a",)) == []
    assert ready(file("1", "S", still_s=1), marked=("a",)) == []


def test_a_marker_in_one_folder_does_not_end_the_wait_in_the_other() -> None:
    files = (file("a/1", "S", still_s=1), file("b/2", "S", still_s=2))
    studies, waits = decide(*files, marked=("a",))
    assert studies == []
    assert waits[0].seconds_left == 8.0
    assert ready(*files, marked=("a", "b")) == ["S"]


def test_settled_studies_come_oldest_first() -> None:
    files = (file("1", "young", still_s=20), file("2", "old", still_s=30))
    assert ready(*files) == ["old", "young"]


@pytest.mark.parametrize(
    ("folder", "expected"), [("a", True), ("a/b", True), (".", False), ("b", False)]
)
def test_folders_with_a_marker_are_found(folder: str, expected: bool) -> None:
    assert is_marked(folder, {"a"}) is expected
    assert is_marked(folder, {"."})
    assert not is_marked(folder, set())


@pytest.mark.parametrize(
    ("sizes", "taken_together"),
    [
        ([], []),
        ([2, 2, 2], [[2, 2], [2]]),  # at most 5 files
        ([2, 3, 1], [[2, 3], [1]]),
        ([1, 9, 1], [[1], [9], [1]]),  # a large one goes alone
        ([9], [[9]]),
    ],
)
def test_small_studies_are_taken_together_in_their_order(
    sizes: list[int], taken_together: list[list[int]]
) -> None:
    studies = [
        ReadyStudy(str(number), tuple(f"{number}/{file}" for file in range(size)))
        for number, size in enumerate(sizes)
    ]
    found = list(batches(studies, files=5))
    assert [[len(study.paths) for study in batch] for batch in found] == taken_together
    assert [study for batch in found for study in batch] == studies
