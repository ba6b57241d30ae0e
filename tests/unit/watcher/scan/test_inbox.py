"""What a scan finds in a folder of the test's own."""

import os
from pathlib import Path

import pytest

from metseg.errors import ConfigurationError
from metseg.settings import Settings
from watcher.scan.inbox import InboxError, ScanReport, Sighting, stored_path, walk
from watcher.scan.places import check_places


def scan(inbox: Path) -> dict[str, Sighting]:
    return {one.path: one for one in walk(inbox, ScanReport(), marker=".done")}


def test_files_of_the_inbox_are_found_in_all_folders_with_their_fingerprints(
    tmp_path: Path,
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "f").write_bytes(b"1234")
    (tmp_path / "g.dcm").write_bytes(b"")
    found = scan(tmp_path)
    assert set(found) == {"a/b/f", "g.dcm"}
    status = (tmp_path / "a" / "b" / "f").stat()
    fingerprint = found["a/b/f"].fingerprint
    assert fingerprint.size == 4
    assert fingerprint.mtime_ns == status.st_mtime_ns
    assert fingerprint.inode == status.st_ino


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("IM0001", None),
        ("im.dcm", None),
        (".im.dcm.Ab3dEf", "hidden"),  # rsync
        (".done", "marker"),
        ("Thumbs.db", "system file"),
        ("im.dcm.part", "partial file"),
        ("IM.DCM.FILEPART", "partial file"),  # WinSCP
        ("~$report.doc", "partial file"),
    ],
)
def test_names_of_files_to_be_skipped_are_recognised(
    tmp_path: Path, name: str, reason: str | None
) -> None:
    (tmp_path / name).write_bytes(b"x")
    assert scan(tmp_path)[name].skip == reason


def test_links_in_the_inbox_are_not_followed_and_pipes_not_opened(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"x")
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "folder").symlink_to(outside)
    (inbox / "file").symlink_to(outside / "secret")
    (inbox / "loop").symlink_to(inbox)
    os.mkfifo(inbox / "pipe")
    found = scan(inbox)
    assert {path: one.skip for path, one in found.items()} == {
        "folder": "link",
        "file": "link",
        "loop": "link",
        "pipe": "not a regular file",
    }


def test_a_time_stamp_too_large_for_the_database_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    os.utime(tmp_path / "f", (2**34, 2**34))  # the year 2514; 2**63 ns end in 2262
    assert 0 <= scan(tmp_path)["f"].fingerprint.mtime_ns < 2**63


def test_an_inbox_that_is_away_is_not_an_empty_inbox(tmp_path: Path) -> None:
    with pytest.raises(InboxError):
        scan(tmp_path / "away")


def test_a_path_is_stored_as_it_is_unless_the_database_cannot_hold_it() -> None:
    assert stored_path("a/Müller^K/1.dcm") == "a/Müller^K/1.dcm"
    long, undecodable = "x/" * 600, os.fsdecode(b"a/\xff.dcm")
    stored = {stored_path(long), stored_path(undecodable), stored_path(long + "y")}
    assert len(stored) == 3
    assert all(len(path) == 66 for path in stored)
    assert all(path.encode("utf-8") for path in stored)


def test_metsegs_folders_may_not_lie_in_the_inbox_nor_the_inbox_in_spool_or_results(
    tmp_path: Path,
) -> None:
    inbox, home = tmp_path / "inbox", tmp_path / "home"
    check_places(Settings(home=home), inbox)
    check_places(Settings(home=home), home / "inbox")
    for settings, place in (
        (Settings(home=inbox), inbox),
        (Settings(home=inbox / "state"), inbox),
        (Settings(home=home, spool=inbox / "spool"), inbox),
        (Settings(home=home), home / "spool" / "inbox"),
        (Settings(home=home), home / "results"),
    ):
        with pytest.raises(ConfigurationError, match="must not be inside"):
            check_places(settings, place)
