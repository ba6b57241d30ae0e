"""The way of many studies from folder to row, in parts and as a whole; and what it is held against:
the floor, and Celery alone.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import psycopg
from sqlalchemy import select

from benchmarks.flow.empty import send
from benchmarks.flow.floor import Floor
from benchmarks.flow.meter import Cost, Meter, counted_syncs
from benchmarks.flow.site import FlowSite, Servers
from db.tables.tables import Study
from db.upgrade import migrate
from metseg.settings import Settings

WARM = 6
"""Studies a worker before the clock starts: its child imports libraries with the first."""
Around = Callable[[], AbstractContextManager[Cost]]


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the way, and what it cost for so many studies (or messages)."""

    name: str
    studies: int
    cost: Cost


class Walk:
    """One site, walked in phases. The pids in `tops` grow with the processes that are started."""

    def __init__(self, site: FlowSite, servers: Servers, *, studies: int, slices: int) -> None:
        self.site, self.servers = site, servers
        self.studies, self.slices = studies, slices
        self.tops: dict[str, Sequence[int]] = servers.pids() | {"watcher": [site.start_watcher()]}

    def measure(self) -> AbstractContextManager[Cost]:
        """What the processes use while the block runs."""
        return Meter(self.tops, self.site.engine).measure()

    def intake(self) -> Phase:
        """From the folder to pending jobs; no worker lives."""
        folder, before = self.site.write(self.studies, self.slices), self.site.count("job")
        with self.measure() as cost:
            self.site.drop_all(folder)
            self.site.until_rows("job", before + self.studies)
        return Phase("folder to job", self.studies, cost)

    def work(self, workers: int) -> Phase:
        """From pending jobs to results; measured from when all workers are warm."""
        self.tops["worker"] = self.site.start_workers(workers)
        jobs = self.site.count("job")
        self.site.until_rows("result", WARM * workers)
        with self.measure() as cost:
            left = jobs - self.site.count("result")
            self.site.until_rows("result", jobs)
        return Phase("job to result", left, cost)

    def whole(self, *, studies: int | None = None, around: Around | None = None) -> Phase:
        """From the folder to results."""
        count = studies or self.studies
        folder, before = self.site.write(count, self.slices), self.site.count("result")
        with (around or self.measure)() as cost:
            self.site.drop_all(folder)
            self.site.until_rows("result", before + count)
        return Phase("folder to result", count, cost)

    def syncs(self, studies: int) -> dict[str, int]:
        """How many fsync and fdatasync so many studies take, by process; empty without strace."""
        counts: dict[str, int] = {}
        self.whole(studies=studies, around=lambda: counted_syncs(self.tops, counts))
        return counts

    def floor(self, traced: int) -> tuple[Phase, dict[str, int]]:
        """The least that as many studies cost, in this process and on a database of its own; and
        the syncs of `traced` more.
        """
        url = self.servers.postgres.new_database()
        migrate(url)
        place = self.site.home / "floor"
        settings = self.site.settings().model_copy(update={"home": place, "results": None})
        todo = sorted(self.site.write(WARM + self.studies + traced, self.slices).iterdir())
        tops = self.servers.pids() | {"floor": [os.getpid()]}
        counts: dict[str, int] = {}
        with psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True) as rows:
            floor = Floor(rows, settings)
            floor.walk(todo[:WARM])
            with Meter(tops, self.site.engine).measure() as cost:
                floor.walk(todo[WARM:-traced])
            with counted_syncs(tops, counts):
                floor.walk(todo[-traced:])
        return Phase("the floor", self.studies, cost), counts


def celery_alone(site: FlowSite, servers: Servers, *, messages: int) -> Phase:
    """Empty tasks through the daemon's own application, broker and kind of worker."""
    worker = site.start("-m", "benchmarks.flow.empty", name="empty").popen.pid
    settings = Settings(broker_url=site.broker_url)
    tops = servers.pids() | {"sender": [os.getpid()], "worker": [worker]}
    send(settings, WARM)
    site.until_no_message()
    with Meter(tops, site.engine).measure() as cost:
        send(settings, messages)
        site.until_no_message()
    return Phase("an empty task", messages, cost)


def statements(site: FlowSite, servers: Servers, *, count: int) -> list[Phase]:
    """One small SELECT, by SQLAlchemy as the daemon asks, and by the bare driver."""
    tops = servers.pids() | {"asker": [os.getpid()]}
    meter = Meter(tops, site.engine)
    with site.sessions() as session:
        driver = session.connection().connection.driver_connection
        assert driver is not None
        with meter.measure() as by_session:
            for number in range(count):
                session.scalar(select(Study.created_at).where(Study.id == number))
        with meter.measure() as by_driver:
            for number in range(count):
                driver.execute("SELECT created_at FROM study WHERE id = %s", (number,)).fetchone()
    return [
        Phase("a statement by SQLAlchemy", count, by_session),
        Phase("a statement by the driver", count, by_driver),
    ]
