"""The watcher killed with -9 at every single step of an intake, and what the next one makes of it.

The steps are found by the test itself: every call that changes the disk, and every commit. The
process that dies is forked here, so that a hundred deaths take seconds.
"""

import hashlib
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect

from db.session import make_engine, session_factory
from db.tables.tables import FileStatus, JobState
from db.upgrade import migrate
from tests.helpers.dicom.archives import zip_of
from tests.helpers.invariants import check_invariants
from tests.integration.watcher.small_instances import instance_bytes, write_slices
from tests.integration.watcher.watcher_site import WatcherSite, folder_state, sha

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
]

DISK_CALLS = ("mkdir", "write", "fsync", "replace", "rmdir", "unlink")
SURVIVED = 0


class Steps:
    """Counts the steps of this process, and kills it before one of them."""

    def __init__(self, deadly: int) -> None:
        self.deadly = deadly
        self.count = 0

    def arm(self) -> None:
        """Wrap what changes disk or database. Only ever called in a child that is about to end."""
        for name in DISK_CALLS:
            setattr(os, name, self._around(getattr(os, name)))
        DefaultDialect.do_commit = self._around(DefaultDialect.do_commit)  # type: ignore[method-assign]

    def _around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            self._step()
            return call(*arguments, **options)

        return counted

    def _step(self) -> None:
        self.count += 1
        if self.count == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)


def _site_on(home: Path, template: bytes) -> WatcherSite:
    """A watcher with its inbox on a fresh copy of an empty database."""
    home.mkdir()
    database = home / "metseg.sqlite3"
    database.write_bytes(template)
    url = f"sqlite:///{database}"
    return WatcherSite(home, url, session_factory(make_engine(url)))


def _dispose(site: WatcherSite) -> None:
    with site.sessions() as session:
        engine = session.get_bind()
    assert isinstance(engine, Engine)
    engine.dispose()


def run_until_killed(site: WatcherSite, deadly: int) -> bool:
    """A watcher in a process of its own, killed at a step. False if it never got there."""
    pid = os.fork()
    if pid == 0:  # pragma: no cover
        code = 99
        try:
            Steps(deadly).arm()
            with site.watching() as watcher:
                site.pass_time(watcher)
                code = SURVIVED if watcher.idle else 98
        finally:
            os._exit(code)
    status = os.waitpid(pid, 0)[1]
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == SURVIVED
        return False
    return True


def settle_and_check(site: WatcherSite, expected: set[str]) -> None:
    """The next watcher sweeps first, and then finishes everything."""
    site.take_in()
    assert site.revisions() == [expected]
    assert site.jobs() == [JobState.PENDING]
    with site.sessions() as session:
        check_invariants(
            session, results_dir=site.settings.results_dir, spool_dir=site.settings.spool_dir
        )


@pytest.fixture
def memory_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder without the cost of a real fsync, where there is one: kill -9 is not a power cut."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else tmp_path) as folder:
        yield Path(folder)


def test_a_watcher_killed_at_any_step_loses_nothing_and_repeats_nothing(
    memory_disk: Path, sqlite_url: str
) -> None:
    migrate(sqlite_url)
    template = Path(sqlite_url.removeprefix("sqlite:///")).read_bytes()
    deadly, survived = 0, False
    while not survived:
        deadly += 1
        site = _site_on(memory_disk / str(deadly), template)
        paths = write_slices(site.inbox / "a", "S", range(2))
        (site.inbox / "a" / "broken").write_bytes(instance_bytes("S", 9)[:-4])
        before = folder_state(site.inbox)
        survived = not run_until_killed(site, deadly)
        settle_and_check(site, sha(*paths))
        assert folder_state(site.inbox) == before
        assert site.files()["a/broken"][0] is FileStatus.QUARANTINED
        _dispose(site)
    assert deadly > 25


def test_a_watcher_killed_at_any_step_of_an_archive_loses_nothing_and_repeats_nothing(
    memory_disk: Path, sqlite_url: str
) -> None:
    migrate(sqlite_url)
    template = Path(sqlite_url.removeprefix("sqlite:///")).read_bytes()
    files = {f"im{number}": instance_bytes("S", number) for number in range(2)}
    expected = {hashlib.sha256(data).hexdigest() for data in files.values()}
    deadly, survived = 0, False
    while not survived:
        deadly += 1
        site = _site_on(memory_disk / str(deadly), template)
        (site.inbox / "a.zip").write_bytes(zip_of(files))
        before = folder_state(site.inbox)
        survived = not run_until_killed(site, deadly)
        settle_and_check(site, expected)
        assert folder_state(site.inbox) == before
        assert site.files()["a.zip"] == (FileStatus.IGNORED, "unpacked: 2 files")
        assert {site.files()[f"a.zip//{name}"] for name in files} == {(FileStatus.INGESTED, None)}
        _dispose(site)
    assert deadly > 25
