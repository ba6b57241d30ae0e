"""A thousand hostile files and 15 faulty studies around one good study, in the real program."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select

from db.tables.result_tables import LesionRow, Result
from db.tables.tables import FileStatus, Job, JobState, Snapshot, SourceFile, Study
from tests.e2e.faulty_studies import FAULTY_STUDIES, FaultyStudy
from tests.e2e.site import ROOT, Site
from tests.helpers.dicom.phantom import CANARY_ID, uid
from tests.helpers.invariants import check_invariants
from tests.integration.watcher.hostile import ARCHIVES, FILES, LARGEST_MB, Hazard
from tests.integration.watcher.watcher_site import folder_state

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900), pytest.mark.xdist_group("hostile")]

FILES_IN_ALL = 1000
LIMIT_MB = 1000
GOOD_SLICES = 13
CANARY = "CANARY"
OUTCOMES = {JobState.SUCCEEDED, JobState.FAILED}


@dataclass
class FinishedRun:
    """The site after one run, and what it took."""

    site: Site
    placed: dict[str, Hazard]
    """By path below the inbox."""
    largest_mb: float
    """Of any process."""
    together_mb: float
    output: str
    touched: set[str]
    """Changed in the inbox, or new outside our roots."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FinishedRun]:
    home = tmp_path_factory.mktemp("hostile")
    site = Site(home / "site", f"sqlite:///{home / 'site' / 'metseg.sqlite3'}")
    site.extra |= {"MAX_FILE_MB": str(LARGEST_MB), "MAX_ARCHIVE_FILES": "50", "LEASE_S": "18"}
    placed = _fill(site)
    (home / "tmp").mkdir()
    before, places = folder_state(site.inbox), _places(home)
    largest, together, output = _run(site, home)
    after = folder_state(site.inbox)
    touched = {path for path in before | after if before.get(path) != after.get(path)}
    touched |= _places(home) ^ places
    try:
        yield FinishedRun(site, placed, largest, together, output, touched)
    finally:
        site.close()


def _fill(site: Site) -> dict[str, Hazard]:
    """A good study, the faulty ones, and hostile files up to the full number."""
    site.drop("good", slices=GOOD_SLICES)
    for faulty in FAULTY_STUDIES:
        faulty.write(site.inbox / CANARY / faulty.name)
    once = [*ARCHIVES, *(hazard for hazard in FILES if hazard.costly)]
    cheap = [hazard for hazard in FILES if not hazard.costly]
    placed = {}
    for number in range(FILES_IN_ALL):
        hazard = once[number] if number < len(once) else cheap[number % len(cheap)]
        path = hazard.put(site.inbox / CANARY / f"{number % 10}" / f"{number}", number)
        placed[str(path.relative_to(site.inbox))] = hazard
    return placed


def _places(home: Path) -> set[str]:
    """What lies beside our roots, in the folder for temporary files, and around the test."""
    looked = [home, home / "tmp", home.parent, home / "site", home / "site" / "inbox"]
    return {str(path) for folder in looked for path in folder.iterdir()}


def _run(site: Site, home: Path) -> tuple[float, float, str]:
    """One `metseg run --once`; the memory in MB of its largest process, and of all at once."""
    command = [sys.executable, "-m", "metseg", "run", str(site.inbox), "--once"]
    places = {"TMPDIR": str(home / "tmp"), "COLUMNS": "200"}
    with (site.logs / "run.log").open("wb") as log:
        running = subprocess.Popen(
            command, cwd=ROOT, env=site.environment() | places, stdout=log, stderr=log
        )
        together, gone = 0.0, 0
        while not gone:
            together = max(together, _memory_mb(running.pid))
            time.sleep(0.3)
            gone, status, used = os.wait4(running.pid, os.WNOHANG)
    running.returncode = os.waitstatus_to_exitcode(status)
    output = (site.logs / "run.log").read_text()
    assert running.returncode == 1, output[-3000:]  # a job failed, and the program did not
    return used.ru_maxrss / 1000, together, output


def _memory_mb(pid: int) -> float:
    total = 0
    try:
        top = psutil.Process(pid)
        for process in (top, *top.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total / 1e6


def test_each_hostile_file_has_its_reason_in_the_database(ran: FinishedRun) -> None:
    with ran.site.sessions() as session:
        rows = session.execute(select(SourceFile.path, SourceFile.status, SourceFile.reason))
        found = {row.path: (row.status, str(row.reason)) for row in rows}
    assert len(ran.placed) == FILES_IN_ALL
    wrong = {
        path: found.get(path)
        for path, hazard in ran.placed.items()
        if path not in found
        or found[path][0] is not hazard.status
        or not found[path][1].startswith(hazard.reason)
    }
    assert wrong == {}
    undecided = {path for path, (status, _) in found.items() if status is FileStatus.SEEN}
    assert undecided == set()


def test_the_good_study_is_found_in_full(ran: FinishedRun) -> None:
    site = ran.site
    assert site.state_of(uid("good")) is JobState.SUCCEEDED
    labels = site.phantoms[uid("good")].labels
    with site.sessions() as session:
        voxels = session.scalars(
            select(LesionRow.voxel_count)
            .join(Result, Result.id == LesionRow.result_id)
            .join(Study, Study.id == Result.study_id)
            .where(Study.study_instance_uid == uid("good"), Result.is_current)
        ).all()
    expected = [int((labels == number).sum()) for number in range(1, labels.max() + 1)]
    assert sorted(voxels) == sorted(expected)


@pytest.mark.parametrize("faulty", FAULTY_STUDIES, ids=lambda faulty: faulty.name)
def test_a_faulty_study_ends_as_it_must(ran: FinishedRun, faulty: FaultyStudy) -> None:
    with ran.site.sessions() as session:
        row = session.execute(
            select(Job.state, Job.error_code, Result.outcome)
            .join(Snapshot, Snapshot.id == Job.snapshot_id)
            .join(Study, Study.id == Snapshot.study_id)
            .outerjoin(Result, Result.job_id == Job.id)
            .where(Study.study_instance_uid == uid(faulty.name))
        ).one_or_none()
    ended = None if row is None else row.error_code or str(row.outcome)
    assert ended == faulty.ends


def test_memory_of_a_run_stays_under_a_gigabyte(ran: FinishedRun) -> None:
    assert ran.largest_mb < LIMIT_MB
    assert ran.together_mb < LIMIT_MB


def test_a_run_writes_nothing_outside_its_folders(ran: FinishedRun) -> None:
    assert ran.touched == set()
    with ran.site.sessions() as session:
        check_invariants(session, results_dir=ran.site.results, spool_dir=ran.site.state / "spool")


def test_no_log_message_or_file_name_shows_the_patient(ran: FinishedRun) -> None:
    assert ran.output.count("quarantined") > 20
    assert CANARY not in ran.output
    ran.site._check_canary()
    assert [path for path in ran.site.state.rglob("*") if CANARY in path.name] == []
    with ran.site.sessions() as session:
        said = [
            *session.scalars(select(SourceFile.reason)),
            *session.scalars(select(Job.error_message)),
        ]
    assert len(said) > FILES_IN_ALL
    assert not any(CANARY in str(one) or CANARY_ID in str(one) for one in said)


def test_preambles_of_written_files_are_zero(ran: FinishedRun) -> None:
    written = list(ran.site.results.rglob("*.dcm"))
    assert len(written) > 1
    assert {path.read_bytes()[:132] for path in written} == {bytes(128) + b"DICM"}
