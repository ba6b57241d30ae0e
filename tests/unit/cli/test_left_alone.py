"""Counts of the files that were left alone, in words for people."""

import re

from cli.daemon.left_alone import EXPECTED, WORDS, left_alone_lines
from db.intake.left_alone import NEWEST, TOLD_WHOLE, LeftAlone
from db.tables.tables import FileStatus
from tests.helpers.places import ROOT

IGNORED, QUARANTINED = FileStatus.IGNORED, FileStatus.QUARANTINED
PAGE = ROOT / "docs" / "inbox.md"
FOUND = [
    LeftAlone(QUARANTINED, "archive_kind: 7z archive: unpack it, or pack it as zip", 2),
    LeftAlone(IGNORED, "not_dicom", 12),
    LeftAlone(IGNORED, "partial file", 1),
    LeftAlone(IGNORED, "hidden", 3),
    LeftAlone(IGNORED, "unpacked", 1),
]


def test_each_reason_why_files_were_left_alone_has_a_line() -> None:
    assert list(left_alone_lines(FOUND, expected=True)) == [
        "2 files refused: 7z archive: unpack it, or pack it as zip",
        "12 files ignored: not DICOM",
        "1 file ignored: partial file",
        "3 files ignored: hidden",
        "1 file ignored: archive that was unpacked",
    ]


def test_a_line_says_when_only_the_newest_files_are_counted() -> None:
    found = [LeftAlone(IGNORED, "not_dicom", 4990, of_newest=True)]
    (line,) = left_alone_lines(found, expected=True)
    assert line == f"4990 of the newest {NEWEST} files ignored: not DICOM"


def test_counts_of_files_that_anybody_expects_may_be_left_out() -> None:
    assert len(list(left_alone_lines(FOUND, expected=False))) == 3


def test_a_reason_without_words_of_its_own_is_shown_as_its_code() -> None:
    found = [LeftAlone(QUARANTINED, "a_new_code", 1)]
    assert list(left_alone_lines(found, expected=False)) == ["1 file refused: a_new_code"]


def test_every_reason_code_that_the_page_names_has_words() -> None:
    codes = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", PAGE.read_text()))
    reasons = {code for code in codes if code.startswith(("archive_", "dicom_", "header_"))}
    assert {"archive_method", "archive_kind", "archive_crash", "dicom_truncated"} <= reasons
    assert reasons - set(TOLD_WHOLE) <= WORDS.keys()
    assert not EXPECTED & set(TOLD_WHOLE)
