"""Files that were left alone are counted by the part of their reasons that does not vary."""

import pytest
from sqlalchemy.orm import Session, sessionmaker

from db.intake.files import see, set_status
from db.intake.fingerprint import Fingerprint
from db.intake.left_alone import LeftAlone, left_alone
from db.tables.tables import FileStatus
from tests.helpers.rows import T0

IGNORED, QUARANTINED = FileStatus.IGNORED, FileStatus.QUARANTINED


def test_reasons_are_counted_without_their_varying_part(sessions: sessionmaker[Session]) -> None:
    ppmd = "archive_method: a zip packed by method 98 (PPMd) is not read: pack it again"
    reasons = [
        (IGNORED, "unpacked: 24 files"),
        (IGNORED, "unpacked: 3 files"),
        (IGNORED, "hidden"),
        (IGNORED, "not_dicom: no DICM"),
        (IGNORED, "not_dicom: no DICM"),
        (IGNORED, "not_dicom: no DICM"),
        (QUARANTINED, "dicom_truncated: PixelData must hold 9 bytes, got 8"),
        (QUARANTINED, "dicom_truncated: PixelData must hold 9 bytes, got 7"),
        (QUARANTINED, ppmd),
        (FileStatus.INGESTED, None),
        (FileStatus.SEEN, None),
    ]
    with sessions.begin() as session:
        seen = {f"{number}": Fingerprint(1, 1, 1) for number in range(len(reasons))}
        known = see(session, seen, now=T0)
        for number, (status, reason) in enumerate(reasons):
            set_status(session, [known[str(number)].id], status, reason=reason)
    with sessions() as session:
        assert left_alone(session) == [
            LeftAlone(QUARANTINED, "dicom_truncated", 2),
            LeftAlone(QUARANTINED, ppmd, 1),
            LeftAlone(IGNORED, "not_dicom", 3),
            LeftAlone(IGNORED, "unpacked", 2),
            LeftAlone(IGNORED, "hidden", 1),
        ]


def test_only_the_newest_files_of_a_status_are_counted_and_it_is_said(
    sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.intake.left_alone.NEWEST", 2)
    with sessions.begin() as session:
        known = see(session, {name: Fingerprint(1, 1, 1) for name in "abcd"}, now=T0)
        reasons = {"a": "hidden", "b": "marker", "c": "link"}
        for name, reason in reasons.items():
            set_status(session, [known[name].id], IGNORED, reason=reason)
        set_status(session, [known["d"].id], QUARANTINED, reason="unreadable")
        assert left_alone(session) == [
            LeftAlone(QUARANTINED, "unreadable", 1),
            LeftAlone(IGNORED, "link", 1, of_newest=True),
            LeftAlone(IGNORED, "marker", 1, of_newest=True),
        ]


def test_an_empty_inbox_has_no_files_left_alone(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        assert left_alone(session) == []
