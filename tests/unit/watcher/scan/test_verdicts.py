"""Where settled files go."""

import pytest

from db.intake.fingerprint import Fingerprint
from db.tables.tables import FileStatus
from watcher.reading.header_pass import Header, Refusal
from watcher.scan.inbox import Sighting
from watcher.scan.tracker import Tracker
from watcher.scan.verdicts import Judgement, judge


def judged(
    *, size: int = 1, skip: str | None = None, verdict: Header | Refusal | None = None
) -> list[Judgement]:
    tracker = Tracker()
    found = {"a": Sighting("a", Fingerprint(size, 1, 1), skip)}
    tracker.observe(found, now=0, quiet_s=0)
    if verdict is not None:
        tracker.set_verdict("a", verdict)
    return list(judge(tracker.observe(found, now=1, quiet_s=0), tracker, max_bytes=9))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"skip": "link"}, Judgement("a", FileStatus.IGNORED, "link")),
        (
            {"size": 10},
            Judgement(
                "a",
                FileStatus.QUARANTINED,
                "too_large: a file must have at most 9 bytes, got 10",
            ),
        ),
        (
            {"verdict": Refusal("not_dicom", "no DICM", ignore=True)},
            Judgement("a", FileStatus.IGNORED, "not_dicom: no DICM"),
        ),
        (
            {"verdict": Refusal("dicom_truncated", "ends early")},
            Judgement("a", FileStatus.QUARANTINED, "dicom_truncated: ends early"),
        ),
        (
            {"verdict": Refusal("unreadable", "Input/output error", again=True)},
            Judgement("a", FileStatus.QUARANTINED, "unreadable: Input/output error"),
        ),
        (
            {"verdict": Header("S", "series", "sop", "MR")},
            Judgement("a", FileStatus.SETTLED, None),
        ),
    ],
)
def test_a_settled_file_is_judged_by_its_content(
    facts: dict[str, object], expected: Judgement
) -> None:
    assert judged(**facts) == [expected]  # type: ignore[arg-type]


def test_a_file_whose_header_is_not_read_yet_waits() -> None:
    assert judged() == []


def test_a_file_that_another_watcher_dealt_with_is_left_alone() -> None:
    assert list(judge(["gone"], Tracker(), max_bytes=9)) == []
