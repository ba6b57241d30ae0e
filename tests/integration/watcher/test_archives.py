"""Archives in the inbox: their studies are found as if the files lay there, once."""

import shutil
from pathlib import Path

import pytest

from db.tables.tables import FileStatus, JobState
from tests.helpers.dicom.archives import KINDS, encrypted_zip, pack, zip_of
from tests.integration.watcher.desk import Desk, portrait, sha
from tests.integration.watcher.test_arrivals import holds
from tests.integration.watcher.tiny import instance_bytes, slices, write_slices
from watcher.archives import unpack_pass

INGESTED, IGNORED, QUARANTINED = (
    FileStatus.INGESTED,
    FileStatus.IGNORED,
    FileStatus.QUARANTINED,
)
pytestmark = pytest.mark.usefixtures("patience")

PENDING = JobState.PENDING
BOTH = 7
"""Seconds in which an archive settles, and what is in it is taken in."""


def hashes(files: dict[str, bytes], folder: Path) -> set[str]:
    """What a snapshot of these files holds."""
    folder.mkdir(exist_ok=True)
    paths = []
    for number, data in enumerate(files.values()):
        paths.append(folder / str(number))
        paths[-1].write_bytes(data)
    return sha(*paths)


@pytest.mark.parametrize("kind", KINDS)
def test_the_study_in_an_archive_is_taken_in(plain_desk: Desk, kind: str) -> None:
    desk, files = plain_desk, slices(range(3))
    (desk.inbox / "ward").mkdir()
    (desk.inbox / "ward" / f"study.{kind}").write_bytes(pack(kind, files))
    before = portrait(desk.inbox)
    desk.take_in()
    assert desk.revisions() == [hashes(files, desk.home / "f")]
    assert desk.jobs() == [PENDING]
    assert desk.files() == {
        f"ward/study.{kind}": (IGNORED, "unpacked: 3 files"),
        **{f"ward/study.{kind}//{name}": (INGESTED, None) for name in files},
    }
    assert portrait(desk.inbox) == before
    assert desk.left_over() == []
    assert holds(desk)


def test_a_restarted_watcher_opens_no_archive_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    (desk.inbox / "study.zip").write_bytes(zip_of(slices(range(3))))
    desk.take_in()
    before = desk.files()
    monkeypatch.setattr(unpack_pass.UnpackPass, "start", lambda *_: pytest.fail("opened again"))
    desk.take_in()
    assert desk.files() == before
    assert desk.jobs() == [PENDING]
    assert holds(desk)


def test_an_archive_and_a_folder_and_another_archive_of_one_study_are_one_job(
    plain_desk: Desk,
) -> None:
    desk, files = plain_desk, slices(range(3))
    for name in ("one.zip", "copies/two.zip"):
        (desk.inbox / name).parent.mkdir(exist_ok=True)
        (desk.inbox / name).write_bytes(zip_of(files))
    (desk.inbox / "three.tar.gz").write_bytes(pack("tar.gz", files))
    paths = write_slices(desk.inbox / "folder", "S", range(3))
    with desk.watching() as watcher:
        desk.pass_time(watcher, BOTH)
        assert watcher.idle
    assert desk.revisions() == [sha(*paths)]
    assert desk.jobs() == [PENDING]
    assert sum(status is INGESTED for status, _ in desk.files().values()) == 12
    assert holds(desk)


def test_the_same_archive_later_makes_no_job(plain_desk: Desk) -> None:
    desk = plain_desk
    (desk.inbox / "one.zip").write_bytes(zip_of(slices(range(3))))
    desk.take_in()
    shutil.copyfile(desk.inbox / "one.zip", desk.inbox / "two.zip")
    (desk.inbox / "one.zip").touch()
    with desk.watching() as watcher:
        desk.pass_time(watcher, BOTH)
        assert watcher.view().known == 1
    assert len(desk.revisions()) == 1
    assert desk.jobs() == [PENDING]


def test_late_slices_in_an_archive_make_revision_two(plain_desk: Desk) -> None:
    desk = plain_desk
    first = write_slices(desk.inbox / "a", "S", range(3))
    desk.take_in()
    late = slices(range(3, 5))
    (desk.inbox / "late.tar").write_bytes(pack("tar", late))
    desk.take_in()
    assert desk.revisions() == [sha(*first), sha(*first) | hashes(late, desk.home / "f")]
    assert holds(desk)


def test_several_studies_in_one_archive_and_one_study_in_several_are_taken_in(
    plain_desk: Desk,
) -> None:
    desk = plain_desk
    (desk.inbox / "a.zip").write_bytes(zip_of(slices(range(2)) | slices(range(3), "T")))
    (desk.inbox / "b.zip").write_bytes(zip_of(slices(range(2, 4))))
    with desk.watching() as watcher:
        desk.pass_time(watcher, BOTH)
        assert watcher.idle
    assert [len(one) for one in desk.revisions("S") + desk.revisions("T")] == [4, 3]
    assert desk.jobs() == [PENDING, PENDING]


def test_an_inner_archive_is_opened_and_each_bad_file_has_its_reason(plain_desk: Desk) -> None:
    desk, files = plain_desk, slices(range(2))
    inner = pack("tar.xz", slices(range(2, 4)) | {"readme.txt": b"x"})
    content = files | {
        "inner.txz": inner,
        "broken.zip": b"PK\x03\x04 no zip",
        "cut.dcm": instance_bytes("S", 9)[:-9],
        "large": bytes(1_000_001),
        ".DS_Store": b"x",
    }
    (desk.inbox / "a.zip").write_bytes(zip_of(content))
    desk.take_in()
    assert [len(one) for one in desk.revisions()] == [4]
    found = {path.removeprefix("a.zip//"): row for path, row in desk.files().items()}
    assert found["inner.txz"] == (IGNORED, "unpacked: 3 files")
    assert found["inner.txz//readme.txt"][0] is IGNORED
    assert found[".DS_Store"] == (IGNORED, "hidden")
    for name, code in (
        ("broken.zip", "archive_invalid"),
        ("cut.dcm", "dicom_truncated"),
        ("large", "too_large"),
    ):
        status, reason = found[name]
        assert status is QUARANTINED
        assert str(reason).startswith(f"{code}: ")
    assert found["a.zip"] == (IGNORED, "unpacked: 10 files")


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("a.zip", encrypted_zip(slices(range(2))), "archive_encrypted"),
        ("a.zip", zip_of(slices(range(2)) | {"../CANARY^PATIENT": b"x"}), "archive_unsafe"),
        ("a.tar", pack("tar", slices(range(2)) | {"/CANARY^PATIENT": b"x"}), "archive_unsafe"),
        ("a.tgz", pack("tar.gz", {"x": bytes(12 << 20)}), "archive_limit"),
        ("a.zip", zip_of({str(n): b"" for n in range(60)}), "archive_limit"),
        ("a.zip", zip_of(slices(range(9)))[:-9], "archive_invalid"),
        ("a.zip", b"", "archive_invalid"),
        ("a.tar", b"no tar", "archive_invalid"),
    ],
)
def test_a_refused_archive_has_its_reason_and_delays_no_study(
    plain_desk: Desk, caplog: pytest.LogCaptureFixture, name: str, data: bytes, code: str
) -> None:
    caplog.set_level("DEBUG")
    desk = plain_desk
    (desk.inbox / name).write_bytes(data)
    good = write_slices(desk.inbox / "good", "G", range(2))
    desk.take_in(max_archive_files=50, max_file_mb=20)
    status, reason = desk.files()[name]
    assert status is QUARANTINED
    assert str(reason).startswith(f"{code}: ")
    assert "CANARY" not in str(reason) + caplog.text
    assert desk.revisions("G") == [sha(*good)]
    assert desk.revisions("S") == []
    assert desk.left_over() == []
    assert [path.name for path in desk.home.rglob("*CANARY*")] == []


def test_a_setting_leaves_archives_unopened(plain_desk: Desk) -> None:
    (plain_desk.inbox / "a.zip").write_bytes(zip_of(slices(range(2))))
    plain_desk.take_in(max_archive_mb=0)
    status, reason = plain_desk.files()["a.zip"]
    assert status is IGNORED
    assert str(reason).startswith("archive: ")
    assert plain_desk.jobs() == []


def test_a_growing_archive_is_opened_once_it_has_settled(plain_desk: Desk) -> None:
    desk, data = plain_desk, pack("tar", slices(range(9)))
    with desk.watching() as watcher:
        for part in range(1, 5):
            (desk.inbox / "a.tar").write_bytes(data[: len(data) * part // 4])
            desk.pass_time(watcher, 2)
        assert desk.files()["a.tar"][0] is FileStatus.SEEN
        desk.pass_time(watcher)
    assert [len(one) for one in desk.revisions()] == [9]
    assert QUARANTINED not in desk.statuses()


def test_a_marker_ends_the_wait_for_an_archive(plain_desk: Desk) -> None:
    desk = plain_desk
    (desk.inbox / "a.zip").write_bytes(zip_of(slices(range(2))))
    (desk.inbox / ".metseg-complete").touch()
    with desk.watching(quiet_s=100.0) as watcher:
        desk.pass_time(watcher, 4)
    assert [len(one) for one in desk.revisions()] == [2]


def test_a_study_beside_an_archive_that_is_not_open_yet_waits_for_it(plain_desk: Desk) -> None:
    desk = plain_desk
    write_slices(desk.inbox, "S", range(2))
    with desk.watching() as watcher:
        desk.pass_time(watcher, 3)
        (desk.inbox / "rest.zip").write_bytes(zip_of(slices(range(2, 4))))
        desk.pass_time(watcher, BOTH)
    assert [len(one) for one in desk.revisions()] == [4]
