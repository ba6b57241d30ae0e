"""Folders as people, scanners and file servers leave them: which studies are found in them."""

from io import BytesIO
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from db.tables.tables import FileStatus
from imaging.dicom.files.encoding import MEDIA_STORAGE_DIRECTORY
from tests.integration.watcher.small_instances import instance_bytes, uid
from tests.integration.watcher.test_arrivals import holds
from tests.integration.watcher.watcher_site import WatcherSite, folder_state

INGESTED, IGNORED = FileStatus.INGESTED, FileStatus.IGNORED

LAYOUTS: dict[str, list[str]] = {
    "flat": ["flat-1.dcm", "flat-2.dcm"],
    "nested": [
        "patient/2026-01-01/study/series one/im1.dcm",
        "patient/2026-01-01/study/series two/1/2/3/4/5/im2.dcm",
    ],
    "mixed with others": ["ward/a1.dcm", "ward/a2.dcm"],
    "of another patient": ["ward/b1.dcm", "ward/b2.dcm"],
    "over folders": ["pacs1/x.dcm", "pacs2/deep/y.dcm", "z.dcm"],
    "no extension": ["cd/DICOM/PA000001/ST000001/SE000001/IM000001", "cd/DICOM/IM000002"],
    "upper case": ["IM0001.DCM", "up/IM0002.DcM"],
    "other extensions": ["other/1.IMA", "other/2.dicom", "other/3.2.1.840.7", "other/4.txt"],
    "odd names": ["odd/\u00fcmlaut \u4e2d\u6587.dcm", "odd/ a b \n.dcm", "odd/-rf *;$(x).dcm"],
}
BESIDE = {
    ".DS_Store": "hidden",
    "ward/.DS_Store": "hidden",
    "ward/._a1.dcm": "hidden",
    "ward/Thumbs.db": "system file",
    "ward/THUMBS.DB": "system file",
    "ward/desktop.ini": "system file",
    "ward/@eaDir": "system folder",
    "__MACOSX": "system folder",
    "#recycle": "system folder",
    "System Volume Information": "system folder",
    "lost+found": "system folder",
    ".snapshot": "hidden folder",
    "up/.rsync-partial": "hidden folder",
    "up/.IM0003.dcm.Ab3dEf": "hidden",  # rsync
    "up/study.zip.crdownload": "partial file",  # Chrome
    "up/study.zip.part": "partial file",  # Firefox
    "up/Study.partial": "partial file",
    "up/im.dcm.filepart": "partial file",  # WinSCP
    "up/im.dcm.download": "partial file",  # Safari
    "up/~$report.docx": "partial file",
    "cd/DICOMDIR": "dicomdir: file is a DICOMDIR",
    "cd/AUTORUN.INF": "not_dicom",
    "cd/viewer/viewer.exe": "not_dicom",
    "cd/README": "not_dicom",
}


def dicomdir() -> bytes:
    """The index file of a medium (DICOMDIR), without records."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = MEDIA_STORAGE_DIRECTORY
    dataset.file_meta.MediaStorageSOPInstanceUID = uid("dicomdir")
    dataset.FileSetID = "CANARY"
    dataset.DirectoryRecordSequence = []
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def put(inbox: Path, path: str, data: bytes) -> None:
    (inbox / path).parent.mkdir(parents=True, exist_ok=True)
    (inbox / path).write_bytes(data)


def put_beside(inbox: Path) -> None:
    """Put what systems and people leave beside studies; system folders get copies of instances."""
    for path, reason in BESIDE.items():
        if reason.endswith("folder"):
            put(inbox, f"{path}/im1.dcm", instance_bytes("flat", 99))
            put(inbox, f"{path}/more/im2.dcm", instance_bytes("in a system folder", 1))
        elif reason.startswith("dicomdir"):
            put(inbox, path, dicomdir())
        elif reason == "not_dicom":
            put(inbox, path, b"MZ" + bytes(300))
        else:
            put(inbox, path, instance_bytes("flat", 98)[:-7])


def test_studies_in_every_folder_layout_are_found_whole_in_one_inbox(site: WatcherSite) -> None:
    for study, paths in LAYOUTS.items():
        for number, path in enumerate(paths):
            put(site.inbox, path, instance_bytes(study, number))
    put_beside(site.inbox)
    before = folder_state(site.inbox)
    with site.watching() as watcher:
        site.pass_time(watcher, 8)
        assert watcher.idle
    assert folder_state(site.inbox) == before
    found = site.files()
    for study, paths in LAYOUTS.items():
        assert [len(one) for one in site.revisions(study)] == [len(paths)], study
        assert {found[path] for path in paths} == {(INGESTED, None)}
    assert site.revisions("in a system folder") == []
    for path, reason in BESIDE.items():
        status, why = found[path]
        assert status is IGNORED, path
        assert str(why).startswith(reason), path
    assert len(found) == len(BESIDE) + sum(map(len, LAYOUTS.values()))
    assert len(site.jobs()) == len(LAYOUTS)
    assert holds(site)


def test_a_finished_download_is_taken_under_its_last_name(sqlite_site: WatcherSite) -> None:
    site, data = sqlite_site, instance_bytes("S", 1)
    for partial, last in (
        (".im1.dcm.Ab3dEf", "im1.dcm"),
        ("im2.dcm.part", "im2.dcm"),
        ("im3.dcm.crdownload", "im3.dcm"),
    ):
        with site.watching() as watcher:
            put(site.inbox, partial, data[:300])
            site.pass_time(watcher)
            assert site.files()[partial][0] is IGNORED
            put(site.inbox, partial, data)
            (site.inbox / partial).rename(site.inbox / last)
            site.pass_time(watcher)
        assert site.files()[last] == (INGESTED, None)
    assert len(site.revisions()) == 1
    assert holds(site)
