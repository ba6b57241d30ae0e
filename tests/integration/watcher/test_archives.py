"""Archives in the inbox: their studies are taken in once, as if the files lay there."""

import shutil
from pathlib import Path

import pytest

from db.tables.tables import FileStatus, JobState
from tests.helpers.dicom.archives import KINDS, encrypted_zip, pack, zip_of
from tests.integration.watcher.small_instances import instance_bytes, slices, write_slices
from tests.integration.watcher.test_arrivals import holds
from tests.integration.watcher.watcher_site import WatcherSite, folder_state, sha
from watcher.archives import unpack_pass

INGESTED, IGNORED, QUARANTINED = (
    FileStatus.INGESTED,
    FileStatus.IGNORED,
    FileStatus.QUARANTINED,
)
pytestmark = pytest.mark.usefixtures("wait_for_child")

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
def test_the_study_in_an_archive_is_taken_in(sqlite_site: WatcherSite, kind: str) -> None:
    site, files = sqlite_site, slices(range(3))
    (site.inbox / "ward").mkdir()
    (site.inbox / "ward" / f"study.{kind}").write_bytes(pack(kind, files))
    before = folder_state(site.inbox)
    site.take_in()
    assert site.revisions() == [hashes(files, site.home / "f")]
    assert site.jobs() == [PENDING]
    assert site.files() == {
        f"ward/study.{kind}": (IGNORED, "unpacked: 3 files"),
        **{f"ward/study.{kind}//{name}": (INGESTED, None) for name in files},
    }
    assert folder_state(site.inbox) == before
    assert site.leftovers() == []
    assert holds(site)


def test_a_restarted_watcher_opens_no_archive_again(
    site: WatcherSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site.inbox / "study.zip").write_bytes(zip_of(slices(range(3))))
    site.take_in()
    before = site.files()
    monkeypatch.setattr(unpack_pass.UnpackPass, "start", lambda *_: pytest.fail("opened again"))
    site.take_in()
    assert site.files() == before
    assert site.jobs() == [PENDING]
    assert holds(site)


def test_an_archive_and_a_folder_and_another_archive_of_one_study_are_one_job(
    sqlite_site: WatcherSite,
) -> None:
    site, files = sqlite_site, slices(range(3))
    for name in ("one.zip", "copies/two.zip"):
        (site.inbox / name).parent.mkdir(exist_ok=True)
        (site.inbox / name).write_bytes(zip_of(files))
    (site.inbox / "three.tar.gz").write_bytes(pack("tar.gz", files))
    paths = write_slices(site.inbox / "folder", "S", range(3))
    with site.watching() as watcher:
        site.pass_time(watcher, BOTH)
        assert watcher.idle
    assert site.revisions() == [sha(*paths)]
    assert site.jobs() == [PENDING]
    assert sum(status is INGESTED for status, _ in site.files().values()) == 12
    assert holds(site)


def test_the_same_archive_later_makes_no_job(sqlite_site: WatcherSite) -> None:
    site = sqlite_site
    (site.inbox / "one.zip").write_bytes(zip_of(slices(range(3))))
    site.take_in()
    shutil.copyfile(site.inbox / "one.zip", site.inbox / "two.zip")
    (site.inbox / "one.zip").touch()
    with site.watching() as watcher:
        site.pass_time(watcher, BOTH)
        assert watcher.view().known == 1
    assert len(site.revisions()) == 1
    assert site.jobs() == [PENDING]


def test_late_slices_in_an_archive_make_revision_two(sqlite_site: WatcherSite) -> None:
    site = sqlite_site
    first = write_slices(site.inbox / "a", "S", range(3))
    site.take_in()
    late = slices(range(3, 5))
    (site.inbox / "late.tar").write_bytes(pack("tar", late))
    site.take_in()
    assert site.revisions() == [sha(*first), sha(*first) | hashes(late, site.home / "f")]
    assert holds(site)


def test_several_studies_in_one_archive_and_one_study_in_several_are_taken_in(
    sqlite_site: WatcherSite,
) -> None:
    site = sqlite_site
    (site.inbox / "a.zip").write_bytes(zip_of(slices(range(2)) | slices(range(3), "T")))
    (site.inbox / "b.zip").write_bytes(zip_of(slices(range(2, 4))))
    with site.watching() as watcher:
        site.pass_time(watcher, BOTH)
        assert watcher.idle
    assert [len(one) for one in site.revisions("S") + site.revisions("T")] == [4, 3]
    assert site.jobs() == [PENDING, PENDING]


def test_an_inner_archive_is_opened_and_each_bad_file_has_its_reason(
    sqlite_site: WatcherSite,
) -> None:
    site, files = sqlite_site, slices(range(2))
    inner = pack("tar.xz", slices(range(2, 4)) | {"readme.txt": b"x"})
    content = files | {
        "inner.txz": inner,
        "broken.zip": b"PK\x03\x04 no zip",
        "cut.dcm": instance_bytes("S", 9)[:-9],
        "large": bytes(1_000_001),
        ".DS_Store": b"x",
    }
    (site.inbox / "a.zip").write_bytes(zip_of(content))
    site.take_in()
    assert [len(one) for one in site.revisions()] == [4]
    found = {path.removeprefix("a.zip//"): row for path, row in site.files().items()}
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
    sqlite_site: WatcherSite, caplog: pytest.LogCaptureFixture, name: str, data: bytes, code: str
) -> None:
    caplog.set_level("DEBUG")
    site = sqlite_site
    (site.inbox / name).write_bytes(data)
    good = write_slices(site.inbox / "good", "G", range(2))
    site.take_in(max_archive_files=50, max_file_mb=20)
    status, reason = site.files()[name]
    assert status is QUARANTINED
    assert str(reason).startswith(f"{code}: ")
    assert "CANARY" not in str(reason) + caplog.text
    assert site.revisions("G") == [sha(*good)]
    assert site.revisions("S") == []
    assert site.leftovers() == []
    assert [path.name for path in site.home.rglob("*CANARY*")] == []


def test_a_setting_leaves_archives_unopened(sqlite_site: WatcherSite) -> None:
    (sqlite_site.inbox / "a.zip").write_bytes(zip_of(slices(range(2))))
    sqlite_site.take_in(max_archive_mb=0)
    status, reason = sqlite_site.files()["a.zip"]
    assert status is IGNORED
    assert str(reason).startswith("archive: ")
    assert sqlite_site.jobs() == []


def test_a_growing_archive_is_opened_once_it_has_settled(sqlite_site: WatcherSite) -> None:
    site, data = sqlite_site, pack("tar", slices(range(9)))
    with site.watching() as watcher:
        for part in range(1, 5):
            (site.inbox / "a.tar").write_bytes(data[: len(data) * part // 4])
            site.pass_time(watcher, 2)
        assert site.files()["a.tar"][0] is FileStatus.SEEN
        site.pass_time(watcher)
    assert [len(one) for one in site.revisions()] == [9]
    assert QUARANTINED not in site.statuses()


def test_a_marker_ends_the_wait_for_an_archive(sqlite_site: WatcherSite) -> None:
    site = sqlite_site
    (site.inbox / "a.zip").write_bytes(zip_of(slices(range(2))))
    (site.inbox / ".metseg-complete").touch()
    with site.watching(quiet_s=100.0) as watcher:
        site.pass_time(watcher, 4)
    assert [len(one) for one in site.revisions()] == [2]


def test_a_study_beside_an_archive_that_is_not_open_yet_waits_for_it(
    sqlite_site: WatcherSite,
) -> None:
    site = sqlite_site
    write_slices(site.inbox, "S", range(2))
    with site.watching() as watcher:
        site.pass_time(watcher, 3)
        (site.inbox / "rest.zip").write_bytes(zip_of(slices(range(2, 4))))
        site.pass_time(watcher, BOTH)
    assert [len(one) for one in site.revisions()] == [4]
