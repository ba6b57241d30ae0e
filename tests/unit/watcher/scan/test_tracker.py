"""What the watcher remembers between scans."""

from db.intake.fingerprint import Fingerprint
from watcher.reading.header_pass import Archive, Header, Refusal
from watcher.scan.inbox import MARKER, Sighting
from watcher.scan.tracker import FIRST_RETRY_S, LONGEST_RETRY_S, Tracker

HEADER = Header("S", "series", "sop", "MR")


def sight(size: int, skip: str | None = None, path: str = "a") -> dict[str, Sighting]:
    return {path: Sighting(path, Fingerprint(size, 1, 1), skip)}


def test_a_header_is_read_once_per_fingerprint() -> None:
    tracker = Tracker()
    tracker.observe(sight(1), now=0, quiet_s=1)
    assert tracker.unread(max_bytes=9) == ["a"]
    tracker.set_verdict("a", HEADER)
    tracker.observe(sight(1), now=1, quiet_s=1)
    assert tracker.unread(max_bytes=9) == []


def test_a_file_that_grows_is_read_again_only_once_it_has_settled() -> None:
    tracker = Tracker()
    tracker.observe(sight(1), now=0, quiet_s=5)
    tracker.set_verdict("a", HEADER)
    tracker.observe(sight(2), now=1, quiet_s=5)
    assert tracker.unread(max_bytes=9) == []
    assert [(file.study, file.readable) for file in tracker.waiting()] == [("S", False)]
    tracker.observe(sight(2), now=2, quiet_s=5)
    assert tracker.unread(max_bytes=9) == ["a"]


def test_a_file_without_a_header_yet_is_read_at_every_change() -> None:
    tracker = Tracker()
    tracker.observe(sight(1), now=0, quiet_s=5)
    tracker.set_verdict("a", Refusal("dicom_truncated", "ends early"))
    tracker.observe(sight(2), now=1, quiet_s=5)
    assert tracker.unread(max_bytes=9) == ["a"]


def test_large_files_and_files_to_be_skipped_are_never_opened() -> None:
    tracker = Tracker()
    found = sight(10) | sight(1, "link", path="b")
    tracker.observe(found, now=0, quiet_s=1)
    assert tracker.unread(max_bytes=9) == []


def test_a_marker_marks_its_folder_and_holds_no_study_back() -> None:
    tracker = Tracker()
    found = sight(0, MARKER, path="a/b/.m") | sight(0, MARKER, path=".m")
    tracker.observe(found, now=0, quiet_s=1)
    assert tracker.marked_folders() == {"a/b", "."}
    assert list(tracker.waiting()) == []


def test_unreadable_files_are_tried_again_at_growing_intervals() -> None:
    tracker = Tracker()
    now = 0.0
    waits = [FIRST_RETRY_S * factor for factor in (1, 2, 4, 8, 16, 32)] + 2 * [LONGEST_RETRY_S]
    for wait in waits:
        assert tracker.is_due("a", now=now)
        tracker.try_later("a", now=now)
        assert not tracker.is_due("a", now=now + wait - 1)
        now += wait


def test_a_file_that_left_leaves_no_trace() -> None:
    tracker = Tracker()
    tracker.observe(sight(1), now=0, quiet_s=1)
    tracker.set_verdict("a", HEADER)
    tracker.observe(sight(2), now=1, quiet_s=1)
    tracker.observe({}, now=2, quiet_s=1)
    assert tracker == Tracker()


def test_a_file_that_changed_after_it_settled_is_judged_and_read_again() -> None:
    tracker = Tracker()
    tracker.observe(sight(1), now=0, quiet_s=1)
    tracker.set_verdict("a", HEADER)
    tracker.observe(sight(1), now=1, quiet_s=1)
    tracker.put_back("a")
    assert "a" in tracker  # it must not look as if nothing waits
    assert tracker.observe(sight(1), now=2, quiet_s=1) == []
    assert tracker.observe(sight(1), now=3, quiet_s=1) == ["a"]
    assert tracker.unread(max_bytes=9) == ["a"]


def test_the_files_of_an_archive_wait_as_long_unchanged_as_it_is() -> None:
    tracker = Tracker()
    for now in (0, 5):
        tracker.observe(sight(1, path="a.zip"), now=now, quiet_s=5)
    tracker.set_verdict("a.zip", Archive())
    assert tracker.closed_archives(now=5, quiet_s=5) == ["a.zip"]
    members = {f"a.zip//{name}": Fingerprint(size, 1, 1) for name, size in (("1", 1), ("2", 99))}
    broken = Refusal("archive_invalid", "ends early")
    tracker.show_members("a.zip", members, refused={"a.zip//2": broken})
    assert tracker.closed_archives(now=5, quiet_s=5) == []
    assert len(tracker) == 3
    assert tracker.verdict("a.zip//2") == broken
    assert [(file.path, file.observation.since) for file in tracker.waiting()] == [
        ("a.zip//1", 0),
        ("a.zip//2", 0),
    ]
    assert tracker.unread(max_bytes=9) == ["a.zip//1"]
