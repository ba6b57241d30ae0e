"""The way of many studies from folder to row, in parts and as a whole."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from benchmarks.flow.meter import Cost, Meter
from benchmarks.flow.site import FlowSite
from tests.helpers.servers.services import PostgresServer, RedisServer

WARM = 6
"""Studies a worker before the clock starts: its child imports libraries with the first."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the way, measured over so many studies."""

    name: str
    studies: int
    cost: Cost


@dataclass(slots=True)
class Walk:
    """One site, walked in three phases. `tops` grows with the processes that are started."""

    site: FlowSite
    tops: dict[str, Sequence[int]]
    studies: int
    slices: int

    @classmethod
    def of(
        cls, servers: tuple[FlowSite, PostgresServer, RedisServer], studies: int, slices: int
    ) -> "Walk":
        site, postgres, redis = servers
        assert postgres.process is not None
        assert redis.process is not None
        site.start_watcher()
        tops = {
            "watcher": [site.processes[0].popen.pid],
            "postgres": [postgres.process.pid],
            "redis": [redis.process.pid],
        }
        return cls(site, tops, studies, slices)

    def intake(self, around: Callable[[], AbstractContextManager[Cost]]) -> Phase:
        """From the folder to pending jobs; no worker lives."""
        folder, before = self.site.write(self.studies, self.slices), self.site.count("job")
        with around() as cost:
            self.site.drop_all(folder)
            self.site.until_rows("job", before + self.studies)
        return Phase("folder to job", self.studies, cost)

    def work(self, workers: int, around: Callable[[], AbstractContextManager[Cost]]) -> Phase:
        """From pending jobs to results; measured when all workers are warm."""
        started = self.site.start_workers(workers)
        self.tops["worker"] = [one.popen.pid for one in started]
        warm, all_jobs = WARM * workers, self.site.count("job")
        self.site.until_rows("result", warm)
        with around() as cost:
            left = all_jobs - self.site.count("result")
            self.site.until_rows("result", all_jobs)
        return Phase("job to result", left, cost)

    def whole(self, around: Callable[[], AbstractContextManager[Cost]]) -> Phase:
        """From the folder to results."""
        folder, before = self.site.write(self.studies, self.slices), self.site.count("result")
        with around() as cost:
            self.site.drop_all(folder)
            self.site.until_rows("result", before + self.studies)
        return Phase("folder to result", self.studies, cost)


def walk(walked: Walk, workers: int) -> list[Phase]:
    """All three phases, measured."""

    def around() -> AbstractContextManager[Cost]:
        return Meter(walked.tops, walked.site.engine).measure()

    return [walked.intake(around), walked.work(workers, around), walked.whole(around)]
