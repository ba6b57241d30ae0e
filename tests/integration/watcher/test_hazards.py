"""Every hazard of docs/inbox.md, one file of each, in one inbox beside a good study."""

import io
import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select

from db.session import make_engine, session_factory
from db.tables.tables import FileStatus, SourceFile
from tests.integration.watcher.handmade_dicom import dicom
from tests.integration.watcher.hostile import HAZARDS, LARGEST_MB, Hazard
from tests.integration.watcher.small_instances import instance_bytes, uid, write_slices
from tests.integration.watcher.test_arrivals import holds
from tests.integration.watcher.watcher_site import WatcherSite, folder_state, sha
from watcher.archives import archives

INGESTED, IGNORED, QUARANTINED = (
    FileStatus.INGESTED,
    FileStatus.IGNORED,
    FileStatus.QUARANTINED,
)


@dataclass
class InboxOutcome:
    """What a watcher has made of an inbox with all hazards; `beside` is what it wrote elsewhere."""

    site: WatcherSite
    found: dict[str, tuple[FileStatus, str | None] | None]
    good: list[Path]
    log: str
    beside: set[Path]


@pytest.fixture(scope="module")
def outcome(
    tmp_path_factory: pytest.TempPathFactory, _migrated_sqlite: Path
) -> Iterator[InboxOutcome]:
    home = tmp_path_factory.mktemp("hazards")
    (home / "db").mkdir()
    shutil.copyfile(_migrated_sqlite, home / "db" / "metseg.sqlite3")
    engine = make_engine(f"sqlite:///{home / 'db' / 'metseg.sqlite3'}")
    site = WatcherSite(home, str(engine.url), session_factory(engine))
    log, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(log), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archives, "WAIT_S", 60.0)  # only the site's clock counts
        yield _let_in(site, log)
    root.removeHandler(handler)
    root.setLevel(level)
    engine.dispose()


def _let_in(site: WatcherSite, log: io.StringIO) -> InboxOutcome:
    paths = {
        hazard.name: hazard.put(site.inbox / "CANARY" / str(number), number)
        for number, hazard in enumerate(HAZARDS)
    }
    good = write_slices(site.inbox / "good", "G", range(3))
    before, places = folder_state(site.inbox), set(site.home.iterdir())
    with site.watching(max_file_mb=LARGEST_MB, max_archive_files=50) as watcher:
        site.pass_time(watcher, 10)
        assert watcher.idle, watcher.view()
    assert folder_state(site.inbox) == before
    files = site.files()
    found = {name: files.get(str(path.relative_to(site.inbox))) for name, path in paths.items()}
    beside = set(site.home.iterdir()) - places - {site.settings.home_dir}
    return InboxOutcome(site, found, good, log.getvalue(), beside)


@pytest.mark.parametrize("hazard", HAZARDS, ids=lambda hazard: hazard.name)
def test_a_hazardous_file_is_refused_for_its_own_reason(
    outcome: InboxOutcome, hazard: Hazard
) -> None:
    found = outcome.found[hazard.name]
    assert found is not None
    status, reason = found
    assert (status, str(reason)[: len(hazard.reason)]) == (hazard.status, hazard.reason)


def test_only_the_good_study_beside_hazardous_files_is_taken_in(outcome: InboxOutcome) -> None:
    site = outcome.site
    assert site.revisions("G") == [sha(*outcome.good)]
    assert len(site.jobs()) == 1
    with site.sessions() as session:
        ingested = select(func.count()).where(SourceFile.status == INGESTED)
        assert session.scalar(ingested) == len(outcome.good)
    assert holds(site)


def test_no_hazardous_file_leads_outside_or_names_the_patient(outcome: InboxOutcome) -> None:
    assert outcome.beside == set()
    spool = outcome.site.settings.spool_dir
    assert [path for path in spool.rglob("*") if "CANARY" in path.name] == []
    assert list((spool / "tmp").iterdir()) == []
    assert "quarantined" in outcome.log
    assert "CANARY" not in outcome.log
    assert "CANARY" not in str(list(outcome.found.values()))


def test_a_file_truncated_anywhere_is_never_taken(sqlite_site: WatcherSite) -> None:
    whole = instance_bytes("S", 0)
    for percent in range(2, 100):
        path = sqlite_site.inbox / f"{percent}.dcm"
        path.write_bytes(whole[: len(whole) * percent // 100])
    sqlite_site.take_in()
    for status, reason in sqlite_site.files().values():
        assert status in (IGNORED, QUARANTINED)
        assert str(reason).startswith(("not_dicom: ", "dicom_truncated: ", "dicom_invalid: "))
    assert len(sqlite_site.files()) == 98
    assert sqlite_site.revisions() == []


def test_pixels_that_end_in_zeros_are_taken_and_replaced_when_the_rest_arrives(
    sqlite_site: WatcherSite,
) -> None:
    site, whole = sqlite_site, instance_bytes("S", 0, fill=7)
    path = site.inbox / "im.dcm"
    with site.watching() as watcher:
        path.write_bytes(whole[:-60] + bytes(60))  # dark pixels look the same
        site.pass_time(watcher)
        dark = sha(path)
        path.write_bytes(whole)
        site.pass_time(watcher)
    assert site.revisions() == [dark, sha(path)]


def test_a_program_in_the_preamble_is_data_like_any_other(sqlite_site: WatcherSite) -> None:
    whole = instance_bytes("S", 0)
    path = sqlite_site.inbox / "im.dcm"
    path.write_bytes(b"\x7fELF" + whole[4:])
    sqlite_site.take_in()
    assert sqlite_site.revisions() == [sha(path)]
    modes = {one.stat().st_mode & 0o777 for one in sqlite_site.settings.spool_dir.rglob("*.dcm")}
    assert modes == {0o444}


def test_folders_deeper_than_the_system_allows_delay_no_study(sqlite_site: WatcherSite) -> None:
    site = sqlite_site
    good = write_slices(site.inbox / "good", "G", range(2))
    here = os.open(site.inbox, os.O_RDONLY)
    for _ in range(25):
        os.mkdir("CANARY" * 35, dir_fd=here)
        below = os.open("CANARY" * 35, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("lost.dcm", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    site.take_in()
    assert site.revisions("G") == [sha(*good)]
    shutil.rmtree(site.inbox)  # pytest's own clean-up gives up on such depths


def test_broken_files_of_a_study_leave_its_good_ones_alone(sqlite_site: WatcherSite) -> None:
    site, own = sqlite_site, uid("S").encode()
    study = own + b"\0" * (len(own) % 2)
    good = write_slices(site.inbox / "a", "S", range(3))
    for number, wrong in enumerate(
        ({"pixels": b""}, {"frames": b"-1"}, {"sop": b"1/../2"}, {"series": b""}, {"rows": b"XX"})
    ):
        (site.inbox / "a" / f"{number}.dcm").write_bytes(dicom(number, study=study, **wrong))
    site.take_in()
    assert site.revisions() == [sha(*good)]
    assert sorted(status for status, _ in site.files().values()) == 3 * [INGESTED] + 5 * [
        QUARANTINED
    ]
