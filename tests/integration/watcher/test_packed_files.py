"""Studies packed file by file or by rare methods, and archives that cannot be opened."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from db.tables.tables import FileStatus
from tests.helpers.dicom.archives import ZIP_PACKERS, zip_by, zip_of
from tests.integration.watcher.small_instances import slices, write_slices
from tests.integration.watcher.test_archives import BOTH, hashes
from tests.integration.watcher.test_arrivals import holds
from tests.integration.watcher.test_niftis import write_mask
from tests.integration.watcher.watcher_site import WatcherSite, folder_state, sha
from watcher.reading.json_child import JsonChild

INGESTED, IGNORED, QUARANTINED = (
    FileStatus.INGESTED,
    FileStatus.IGNORED,
    FileStatus.QUARANTINED,
)
pytestmark = pytest.mark.usefixtures("wait_for_child")


@pytest.mark.parametrize("method", ZIP_PACKERS)
def test_the_study_in_a_zip_of_a_rare_method_is_taken_in(
    sqlite_site: WatcherSite, method: int
) -> None:
    site, files = sqlite_site, slices(range(3))
    (site.inbox / "a.zip").write_bytes(zip_by(method, files))
    site.take_in()
    assert site.revisions() == [hashes(files, site.home / "f")]
    assert holds(site)


def test_a_study_of_packed_files_is_one_revision_unpacked_by_one_process(
    sqlite_site: WatcherSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, files, started = sqlite_site, slices(range(40)), []
    original = JsonChild.ask

    def counted(self: JsonChild, request: dict[str, Any]) -> None:
        original(self, request)
        if "limits" in request:
            started.append(self.pid)

    monkeypatch.setattr(JsonChild, "ask", counted)
    for name, data in files.items():
        path = site.inbox / f"{name}.gz"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(gzip.compress(data))
    before = folder_state(site.inbox)
    with site.watching() as watcher:
        site.pass_time(watcher, BOTH)
        assert watcher.idle
        assert watcher._arrivals.archives._pass._child.pid is None
        assert site.leftovers() == []
    assert site.revisions() == [hashes(files, site.home / "f")]
    assert len(started) == 40
    assert len(set(started)) == 1
    assert site.files() == {
        **{f"{name}.gz": (IGNORED, "unpacked: 1 files") for name in files},
        **{f"{name}.gz//{name.removeprefix('S/')}": (INGESTED, None) for name in files},
    }
    assert folder_state(site.inbox) == before
    assert holds(site)


def test_a_packed_mask_and_a_packed_text_are_not_archives(sqlite_site: WatcherSite) -> None:
    site = sqlite_site
    paths = write_slices(site.inbox / "s", "S", range(2))
    mask = write_mask(site.inbox / "s" / "mask.nii.gz")
    (site.inbox / "s" / "log.gz").write_bytes(gzip.compress(b"a text"))
    site.take_in()
    assert site.revisions() == [sha(*paths, mask)]
    status, reason = site.files()["s/log.gz"]
    assert status is IGNORED
    assert str(reason).startswith("not_dicom: ")


def test_archives_that_cannot_be_opened_are_refused_with_what_to_do(
    sqlite_site: WatcherSite,
) -> None:
    site = sqlite_site
    seven, rar = b"7z\xbc\xaf\x27\x1c" + bytes(90), b"Rar!\x1a\x07\x01\0" + bytes(90)
    for name, data in {
        "a.7z": seven,
        "b.zip": zip_of({"in.rar": rar}),
        "c.z01": b"x",
        "d.iso": bytes(32769) + b"CD001",
        "e.zip": zip_by(98, {"im1": b"x"}, packer=bytes),
    }.items():
        (site.inbox / name).write_bytes(data)
    good = write_slices(site.inbox / "good", "G", range(2))
    site.take_in()
    assert site.revisions("G") == [sha(*good)]
    found = {name: row for name, row in site.files().items() if not name.startswith("good")}
    assert found.pop("b.zip") == (IGNORED, "unpacked: 1 files")
    assert {status for status, _ in found.values()} == {QUARANTINED}
    assert {name: str(reason).partition(":")[0::2] for name, (_, reason) in found.items()} == {
        "a.7z": ("archive_kind", " 7z archive: unpack it, or pack it as zip"),
        "b.zip//in.rar": ("archive_kind", " rar archive: unpack it, or pack it as zip"),
        "c.z01": (
            "archive_kind",
            " part of a split archive: join the parts and unpack them, or pack all as one zip",
        ),
        "d.iso": (
            "archive_kind",
            " disc image (ISO): copy the files out of it, or pack them as zip",
        ),
        "e.zip": (
            "archive_method",
            " a zip packed by method 98 (PPMd) is not read: pack it again with Deflate",
        ),
    }


def test_an_unpacked_folder_that_cannot_be_made_leaves_nothing_open(tmp_path: Path) -> None:
    from metseg.errors import InfrastructureError
    from watcher.archives.unpacked_folders import UnpackedFolders

    (tmp_path / "spool").write_bytes(b"no folder")
    unpacked = UnpackedFolders(tmp_path / "spool")
    with pytest.raises(InfrastructureError):
        unpacked.add()
    (tmp_path / "spool").unlink()
    folders = [unpacked.add() for _ in range(3)]
    assert all(folder.is_dir() for folder in folders)
    for folder in folders:
        unpacked.drop(folder)
    assert list((tmp_path / "spool" / "tmp").iterdir()) == []
