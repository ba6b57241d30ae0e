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
from tests.integration.watcher.desk import Desk, portrait, sha
from tests.integration.watcher.hostile import HAZARDS, LARGEST_MB, Hazard
from tests.integration.watcher.lies import dicom
from tests.integration.watcher.test_arrivals import holds
from tests.integration.watcher.tiny import instance_bytes, uid, write_slices
from watcher.archives import archives

INGESTED, IGNORED, QUARANTINED = (
    FileStatus.INGESTED,
    FileStatus.IGNORED,
    FileStatus.QUARANTINED,
)


@dataclass
class Aftermath:
    """What a watcher has made of an inbox of all hazards; `beside` is what it wrote elsewhere."""

    desk: Desk
    found: dict[str, tuple[FileStatus, str | None] | None]
    good: list[Path]
    log: str
    beside: set[Path]


@pytest.fixture(scope="module")
def aftermath(
    tmp_path_factory: pytest.TempPathFactory, _migrated_sqlite: Path
) -> Iterator[Aftermath]:
    home = tmp_path_factory.mktemp("hazards")
    (home / "db").mkdir()
    shutil.copyfile(_migrated_sqlite, home / "db" / "metseg.sqlite3")
    engine = make_engine(f"sqlite:///{home / 'db' / 'metseg.sqlite3'}")
    desk = Desk(home, str(engine.url), session_factory(engine))
    log, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(log), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archives, "WAIT_S", 60.0)  # only the desk's clock counts
        yield _let_in(desk, log)
    root.removeHandler(handler)
    root.setLevel(level)
    engine.dispose()


def _let_in(desk: Desk, log: io.StringIO) -> Aftermath:
    paths = {
        hazard.name: hazard.put(desk.inbox / "CANARY" / str(number), number)
        for number, hazard in enumerate(HAZARDS)
    }
    good = write_slices(desk.inbox / "good", "G", range(3))
    before, places = portrait(desk.inbox), set(desk.home.iterdir())
    with desk.watching(max_file_mb=LARGEST_MB, max_archive_files=50) as watcher:
        desk.pass_time(watcher, 10)
        assert watcher.idle, watcher.view()
    assert portrait(desk.inbox) == before
    files = desk.files()
    found = {name: files.get(str(path.relative_to(desk.inbox))) for name, path in paths.items()}
    beside = set(desk.home.iterdir()) - places - {desk.settings.home_dir}
    return Aftermath(desk, found, good, log.getvalue(), beside)


@pytest.mark.parametrize("hazard", HAZARDS, ids=lambda hazard: hazard.name)
def test_a_hazardous_file_is_refused_for_its_own_reason(
    aftermath: Aftermath, hazard: Hazard
) -> None:
    found = aftermath.found[hazard.name]
    assert found is not None
    status, reason = found
    assert (status, str(reason)[: len(hazard.reason)]) == (hazard.status, hazard.reason)


def test_only_the_good_study_beside_hazardous_files_is_taken_in(aftermath: Aftermath) -> None:
    desk = aftermath.desk
    assert desk.revisions("G") == [sha(*aftermath.good)]
    assert len(desk.jobs()) == 1
    with desk.sessions() as session:
        ingested = select(func.count()).where(SourceFile.status == INGESTED)
        assert session.scalar(ingested) == len(aftermath.good)
    assert holds(desk)


def test_no_hazardous_file_leads_outside_or_names_the_patient(aftermath: Aftermath) -> None:
    assert aftermath.beside == set()
    spool = aftermath.desk.settings.spool_dir
    assert [path for path in spool.rglob("*") if "CANARY" in path.name] == []
    assert list((spool / "tmp").iterdir()) == []
    assert "quarantined" in aftermath.log
    assert "CANARY" not in aftermath.log
    assert "CANARY" not in str(list(aftermath.found.values()))


def test_a_file_truncated_anywhere_is_never_taken(plain_desk: Desk) -> None:
    whole = instance_bytes("S", 0)
    for percent in range(2, 100):
        path = plain_desk.inbox / f"{percent}.dcm"
        path.write_bytes(whole[: len(whole) * percent // 100])
    plain_desk.take_in()
    for status, reason in plain_desk.files().values():
        assert status in (IGNORED, QUARANTINED)
        assert str(reason).startswith(("not_dicom: ", "dicom_truncated: ", "dicom_invalid: "))
    assert len(plain_desk.files()) == 98
    assert plain_desk.revisions() == []


def test_pixels_that_end_in_zeros_are_taken_and_replaced_when_the_rest_arrives(
    plain_desk: Desk,
) -> None:
    desk, whole = plain_desk, instance_bytes("S", 0, fill=7)
    path = desk.inbox / "im.dcm"
    with desk.watching() as watcher:
        path.write_bytes(whole[:-60] + bytes(60))  # dark pixels look the same
        desk.pass_time(watcher)
        dark = sha(path)
        path.write_bytes(whole)
        desk.pass_time(watcher)
    assert desk.revisions() == [dark, sha(path)]


def test_a_program_in_the_preamble_is_data_like_any_other(plain_desk: Desk) -> None:
    whole = instance_bytes("S", 0)
    path = plain_desk.inbox / "im.dcm"
    path.write_bytes(b"\x7fELF" + whole[4:])
    plain_desk.take_in()
    assert plain_desk.revisions() == [sha(path)]
    modes = {one.stat().st_mode & 0o777 for one in plain_desk.settings.spool_dir.rglob("*.dcm")}
    assert modes == {0o444}


def test_folders_deeper_than_the_system_allows_delay_no_study(plain_desk: Desk) -> None:
    desk = plain_desk
    good = write_slices(desk.inbox / "good", "G", range(2))
    here = os.open(desk.inbox, os.O_RDONLY)
    for _ in range(25):
        os.mkdir("CANARY" * 35, dir_fd=here)
        below = os.open("CANARY" * 35, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("lost.dcm", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    desk.take_in()
    assert desk.revisions("G") == [sha(*good)]
    shutil.rmtree(desk.inbox)  # pytest's own clean-up gives up on such depths


def test_broken_files_of_a_study_leave_its_good_ones_alone(plain_desk: Desk) -> None:
    desk, own = plain_desk, uid("S").encode()
    study = own + b"\0" * (len(own) % 2)
    good = write_slices(desk.inbox / "a", "S", range(3))
    for number, wrong in enumerate(
        ({"pixels": b""}, {"frames": b"-1"}, {"sop": b"1/../2"}, {"series": b""}, {"rows": b"XX"})
    ):
        (desk.inbox / "a" / f"{number}.dcm").write_bytes(dicom(number, study=study, **wrong))
    desk.take_in()
    assert desk.revisions() == [sha(*good)]
    assert sorted(status for status, _ in desk.files().values()) == 3 * [INGESTED] + 5 * [
        QUARANTINED
    ]
