"""Faults around the watcher, on real processes: nothing lost, nothing twice, nothing touched."""

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from db.intake.files import load_known
from db.intake.intake import latest_instances, lock_study
from db.processes import live
from db.tables.tables import FileStatus, Job, JobState, Role, Snapshot, Study
from tests.e2e.site import Site
from tests.e2e.small_disk import mounted_small
from tests.helpers.invariants import check_invariants
from tests.helpers.servers.services import PostgresServer, RedisServer
from tests.integration.watcher.small_instances import CANARY, instance_bytes, uid, write_slices
from tests.integration.watcher.watcher_site import folder_state, sha

pytestmark = [pytest.mark.faults, pytest.mark.timeout(200)]


@pytest.fixture
def site(tmp_path: Path, database_url: str) -> Iterator[Site]:
    """Folders and a watcher's settings, on both databases, without a broker."""
    yield from _closing(Site(tmp_path, database_url))


@pytest.fixture
def plain_site(tmp_path: Path, sqlite_url: str) -> Iterator[Site]:
    """The same on SQLite alone."""
    yield from _closing(Site(tmp_path, sqlite_url))


@pytest.fixture
def server_site(tmp_path: Path, postgres_url: str, redis_url: str) -> Iterator[Site]:
    """PostgreSQL and Redis."""
    yield from _closing(Site(tmp_path, postgres_url, broker_url=redis_url))


def _closing(site: Site) -> Iterator[Site]:
    site.extra |= {"QUIET_S": "0.5", "SCAN_INTERVAL_S": "0.1"}
    try:
        yield site
    finally:
        site.close()


def content(site: Site, study: str) -> set[str]:
    """The hashes in the study's newest snapshot."""
    with site.sessions() as session:
        locked = lock_study(session, uid(study), now=datetime.now(UTC))
        return {one.sha256 for one in latest_instances(session, locked)}


def revisions(site: Site) -> list[tuple[str, int]]:
    """Study and revision of every snapshot."""
    with site.sessions() as session:
        query = select(Study.study_instance_uid, Snapshot.revision).join(
            Snapshot, Snapshot.study_id == Study.id
        )
        return sorted((row[0], row[1]) for row in session.execute(query))


def jobs(site: Site) -> list[JobState]:
    with site.sessions() as session:
        return list(session.scalars(select(Job.state).order_by(Job.id)))


def until_content(site: Site, study: str, expected: set[str], *, seconds: float = 90) -> None:
    site.until(
        lambda: content(site, study) == expected, f"study {study} is taken in", seconds=seconds
    )


def until_done(site: Site) -> None:
    """Until every file of the inbox is dealt with."""
    done = {FileStatus.INGESTED, FileStatus.IGNORED, FileStatus.QUARANTINED}

    def all_done() -> bool:
        with site.sessions() as session:
            known = dict(load_known(session))
        found = [path for path in site.inbox.rglob("*") if not path.is_dir()]
        return len(known) >= len(found) and {file.status for file in known.values()} <= done

    site.until(all_done, "every file is dealt with", seconds=90)


def check(site: Site, *, swept: bool = False) -> None:
    """I1 to I6 and I10."""
    spool = Path(site.extra.get("SPOOL", site.state / "spool"))
    with site.sessions() as session:
        check_invariants(session, results_dir=site.results, spool_dir=spool, swept=swept)
    for log in site.logs.iterdir():
        assert CANARY not in log.read_text(errors="replace")


def test_a_watcher_killed_again_and_again_takes_each_study_in_once(site: Site) -> None:
    studies = {f"S{n}": write_slices(site.inbox / f"s{n}", f"S{n}", range(60)) for n in range(4)}
    before = folder_state(site.inbox)
    chance = random.Random(4)
    for _ in range(6):
        watcher = site.watcher()
        time.sleep(chance.uniform(0.8, 2.5))
        watcher.kill()
    site.watcher()
    for name, paths in studies.items():
        until_content(site, name, sha(*paths))
    until_done(site)
    assert revisions(site) == sorted((uid(name), 1) for name in studies)
    assert jobs(site) == [JobState.PENDING] * 4
    assert folder_state(site.inbox) == before
    check(site)


def test_a_study_that_arrives_while_no_watcher_runs_is_found_at_the_next_start(
    plain_site: Site,
) -> None:
    site = plain_site
    first = site.watcher()
    one = write_slices(site.inbox / "a", "S", range(3))
    until_content(site, "S", sha(*one))
    assert first.terminate() == 0
    with site.sessions() as session:
        assert live(session, Role.WATCHER) == []
    two = write_slices(site.inbox / "b", "T", range(3))
    late = write_slices(site.inbox / "a", "S", range(3, 5))
    site.watcher()
    until_content(site, "T", sha(*two))
    until_content(site, "S", sha(*one, *late))
    check(site)


def test_a_study_that_grows_slowly_ends_whole_and_every_revision_is_a_part_of_it(
    plain_site: Site,
) -> None:
    site = plain_site
    site.extra["QUIET_S"] = "1.0"
    site.watcher()
    site.until(lambda: _watchers(site) == 1, "the watcher runs")
    paths: list[Path] = []
    for number in range(12):
        data = instance_bytes("S", number)
        path = site.inbox / f"im{number}"
        time.sleep(0.1)
        with path.open("wb", buffering=0) as file:  # in two halves, as slow networks write
            file.write(data[:400])
            time.sleep(0.1)
            file.write(data[400:])
        paths.append(path)
        if number == 5:  # a pause longer than the quiet time
            until_content(site, "S", sha(*paths))
    until_content(site, "S", sha(*paths))
    until_done(site)
    states = jobs(site)
    assert len(states) >= 2
    assert states == [JobState.CANCELLED] * (len(states) - 1) + [JobState.PENDING]
    check(site)


def test_two_watchers_at_once_make_one_snapshot_and_one_job(site: Site) -> None:
    site.watcher()
    site.watcher()
    site.until(lambda: _watchers(site) == 2, "two watchers run")
    studies = {f"S{n}": write_slices(site.inbox / f"s{n}", f"S{n}", range(20)) for n in range(3)}
    (site.inbox / "s0" / "broken").write_bytes(instance_bytes("S0", 99)[:-7])
    for name, paths in studies.items():
        until_content(site, name, sha(*paths))
    until_done(site)
    late = write_slices(site.inbox / "s0", "S0", range(20, 25))
    until_content(site, "S0", sha(*studies["S0"], *late))
    until_done(site)
    assert revisions(site) == sorted([(uid(name), 1) for name in studies] + [(uid("S0"), 2)])
    assert sorted(jobs(site)) == [JobState.CANCELLED] + [JobState.PENDING] * 3
    check(site)


def _watchers(site: Site) -> int:
    with site.sessions() as session:
        return len(live(session, Role.WATCHER))


def test_a_share_that_vanishes_and_returns_is_watched_again_by_events(plain_site: Site) -> None:
    site = plain_site
    site.extra |= {"SCAN_INTERVAL_S": "2"}
    site.watcher()
    one = write_slices(site.inbox / "a", "S", range(3))
    until_content(site, "S", sha(*one))
    site.inbox.rename(site.home / "away")
    site.until(lambda: "inbox_unreachable" in str(_paused(site)), "the row says so")
    (site.home / "away").rename(site.inbox)
    site.until(lambda: _paused(site) is None, "it goes on")
    two = write_slices(site.inbox / "b", "T", range(3))
    until_content(site, "T", sha(*two))
    assert revisions(site) == sorted([(uid("S"), 1), (uid("T"), 1)])
    check(site)


def _paused(site: Site) -> str | None:
    with site.sessions() as session:
        return next((row.paused_reason for row in live(session, Role.WATCHER)), None)


@pytest.fixture
def small_spool(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB in pages of 4 KB: small files take more than their size."""
    with mounted_small(tmp_path / "small", size="1m") as folder:
        yield folder


def test_a_full_spool_pauses_intake_and_space_ends_the_pause(
    plain_site: Site, small_spool: Path
) -> None:
    site = plain_site
    spool = small_spool / "spool"
    spool.mkdir()
    site.extra["SPOOL"] = str(spool)
    ballast = small_spool / "ballast"
    ballast.write_bytes(bytes(600_000))
    site.watcher()
    # 150 files of 720 bytes seem to fit in 424 KB, but take 600: the disk is full in the middle.
    paths = write_slices(site.inbox / "a", "S", range(150))
    site.until(lambda: "disk_full" in str(_paused(site)), "the row says so")
    assert revisions(site) == []
    with site.sessions() as session:
        assert FileStatus.QUARANTINED not in {one.status for _, one in load_known(session)}
    ballast.unlink()
    until_content(site, "S", sha(*paths))
    site.until(lambda: _paused(site) is None, "it goes on")
    assert jobs(site) == [JobState.PENDING]
    check(site)


def test_doorbells_that_redis_lost_ring_again(server_site: Site, redis_server: RedisServer) -> None:
    site = server_site
    site.extra["BACKOFF_S"] = "0.25"
    site.watcher()
    for number in range(3):
        write_slices(site.inbox / f"s{number}", f"S{number}", range(3))
    site.until(lambda: len(jobs(site)) == 3, "three jobs wait")
    site.until(lambda: site.waiting_messages() >= 2, "doorbells rang")
    redis_server.flush()
    assert site.waiting_messages() == 0
    site.until(lambda: site.waiting_messages() >= 2, "doorbells rang again")
    redis_server.kill()
    late = write_slices(site.inbox / "late", "late", range(3))
    until_content(site, "late", sha(*late))
    site.until(lambda: "broker" in str(_paused(site)), "the row says so")
    redis_server.start()
    redis_server.flush()
    site.until(lambda: site.waiting_messages() >= 2, "doorbells rang once more")
    check(site)


def test_a_database_that_goes_away_is_waited_for(
    tmp_path: Path, postgres_server: PostgresServer, postgres_url: str
) -> None:
    site = Site(tmp_path, postgres_url)
    try:
        watcher = site.watcher()
        site.until(lambda: _watchers(site) == 1, "the watcher runs")
        site.engine.dispose()
        postgres_server.kill()
        paths = write_slices(site.inbox / "a", "S", range(5))
        time.sleep(2)
        assert watcher.alive()
        postgres_server.start()
        until_content(site, "S", sha(*paths))
        for _ in range(3):
            postgres_server.drop_connections()
            time.sleep(0.2)
        late = write_slices(site.inbox / "a", "S", range(5, 7))
        until_content(site, "S", sha(*paths, *late))
        assert watcher.alive()
        check(site)
    finally:
        site.close()
