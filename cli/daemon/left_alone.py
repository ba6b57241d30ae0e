"""Lines that say how many files were left alone, and why."""

from collections.abc import Iterator, Sequence

from db.intake.left_alone import NEWEST, TOLD_WHOLE, LeftAlone
from db.tables.tables import FileStatus

WORDS = {
    "": "no reason is recorded",
    "archive": "archive, not opened because METSEG_MAX_ARCHIVE_MB is 0",
    "archive_crash": "archive that crashed the process that unpacked it",
    "archive_encrypted": "encrypted archive: unpack it with its password, and pack it without",
    "archive_invalid": "archive that is damaged or cut short, or not an archive",
    "archive_limit": "archive that holds more than the settings allow",
    "archive_memory": "archive that needs too much memory",
    "archive_timeout": "archive that takes too long",
    "archive_unsafe": "archive with file names that lead out of it",
    "dicom_invalid": "DICOM that breaks a rule",
    "dicom_truncated": "DICOM that is cut short",
    "dicomdir": "index of a disc (DICOMDIR)",
    "gone": "left the inbox before it was taken in",
    "header_crash": "header that crashed the process that read it",
    "header_memory": "header that needs too much memory",
    "header_timeout": "header that takes too long",
    "marker": "marker of a complete folder",
    "not_dicom": "not DICOM",
    "own_result": "written by metseg itself",
    "sop_conflict": "one SOPInstanceUID with two contents",
    "too_large": "larger than METSEG_MAX_FILE_MB",
    "unpacked": "archive that was unpacked",
    "unpaired": "mask whose study has not been found; it is tried again",
    "unreadable": "cannot be read just now; it is tried again",
}
"""What each code means. A reason without a code is in words already."""
EXPECTED = frozenset(
    {
        "dicomdir",
        "gone",
        "hidden",
        "hidden folder",
        "marker",
        "own_result",
        "system file",
        "system folder",
        "unpacked",
    }
)
"""Reasons that surprise nobody: such files are not part of a study."""


def left_alone_lines(found: Sequence[LeftAlone], *, expected: bool) -> Iterator[str]:
    """A line for each reason. Reasons in `EXPECTED` are left out unless `expected`."""
    for one in found:
        if expected or one.reason not in EXPECTED:
            files = "1 file" if one.files == 1 else f"{one.files} files"
            if one.of_newest:
                files = f"{one.files} of the newest {NEWEST} files"
            did = "refused" if one.status is FileStatus.QUARANTINED else "ignored"
            yield f"{files} {did}: {_words(one.reason)}"


def _words(reason: str) -> str:
    code, _, message = reason.partition(": ")
    return message if code in TOLD_WHOLE else WORDS.get(reason, reason)
