"""Files that change and files that have settled, on a clock of the test's own."""

from db.intake.fingerprint import Fingerprint
from watcher.scan.settle import Observation, settle

SMALL = Fingerprint(size=10, mtime_ns=1, inode=7)
LARGER = Fingerprint(size=20, mtime_ns=1, inode=7)


def settled_at(*steps: tuple[float, Fingerprint | None], quiet_s: float = 10.0) -> list[list[str]]:
    """What has settled at each of (time, fingerprint of the one file)."""
    seen: dict[str, Observation] = {}
    ready = []
    for now, fingerprint in steps:
        found = {} if fingerprint is None else {"a": fingerprint}
        seen, settled = settle(seen, found, now=now, quiet_s=quiet_s)
        ready.append(settled)
    return ready


def test_a_file_settles_after_two_scans_and_the_quiet_time() -> None:
    assert settled_at((0, SMALL), (5, SMALL), (9.9, SMALL), (10, SMALL)) == [[], [], [], ["a"]]


def test_one_scan_does_not_settle_a_file_even_without_a_quiet_time() -> None:
    assert settled_at((0, SMALL), (0, SMALL), quiet_s=0) == [[], ["a"]]


def test_growth_of_a_file_restarts_the_quiet_time() -> None:
    assert settled_at((0, SMALL), (9, LARGER), (18, LARGER), (19, LARGER)) == [[], [], [], ["a"]]


def test_a_pause_longer_than_the_quiet_time_settles_a_file_and_later_growth_unsettles_it() -> None:
    steps = ((0, SMALL), (10, SMALL), (20, LARGER), (30, LARGER))
    assert settled_at(*steps) == [[], ["a"], [], ["a"]]


def test_a_change_of_any_part_of_the_fingerprint_counts() -> None:
    for other in (Fingerprint(11, 1, 7), Fingerprint(10, 2, 7), Fingerprint(10, 1, 8)):
        assert settled_at((0, SMALL), (10, other)) == [[], []]


def test_a_time_stamp_that_goes_back_is_a_change_like_any_other() -> None:
    assert settled_at((0, Fingerprint(10, 99, 7)), (10, SMALL), (20, SMALL)) == [[], [], ["a"]]


def test_a_file_that_vanished_and_came_back_must_settle_again() -> None:
    assert settled_at((0, SMALL), (5, None), (10, SMALL), (20, SMALL)) == [[], [], [], ["a"]]


def test_settled_files_come_oldest_first() -> None:
    seen = {
        "young": Observation(SMALL, since=5, scans=1),
        "old": Observation(SMALL, since=1, scans=1),
    }
    _, settled = settle(seen, {"young": SMALL, "old": SMALL}, now=99, quiet_s=10)
    assert settled == ["old", "young"]
