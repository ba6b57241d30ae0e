"""A metseg on private, durable servers for ``make bench-flow``: real processes, and networks that
answer at once.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import text

from metseg.broker import QUEUE
from metseg.settings import Settings
from tests.e2e.site import Site
from tests.helpers.dicom.phantom import Recipe, write_study
from tests.helpers.servers.services import PostgresServer, RedisServer

LONGEST_S = 900.0
LOOK_S = 0.2
STATISTICS = ("shared_preload_libraries=pg_stat_statements",)
SHORTEST = {"QUIET_S": "0", "SCAN_INTERVAL_S": "0.5", "LEASE_S": "90", "BACKOFF_S": "30"}
"""No waiting for more files; all else as shipped."""
SMALL_SERIES = "[limits]\nminimum_slices = 4\nleast_cover_mm = 0\n"
"""Rules under which four slices of a phantom, but not two, are a series to segment."""


@dataclass(frozen=True, slots=True)
class Servers:
    """PostgreSQL and Redis of this run alone."""

    postgres: PostgresServer
    redis: RedisServer

    def pids(self) -> dict[str, list[int]]:
        """The topmost process of each."""
        started = {"postgres": self.postgres.process, "redis": self.redis.process}
        return {name: [one.pid] for name, one in started.items() if one is not None}


class FlowSite(Site):
    """Watcher and workers, and studies to feed them with."""

    written = 0
    """How many studies so far: each has a name of its own."""

    def environment(self) -> dict[str, str]:
        """Without the folder of faults, where the fake networks leave traces."""
        whole = super().environment()
        return {name: value for name, value in whole.items() if name != "FAKE_FAULTS"}

    def settings(self) -> Settings:
        """What can change a result, as the processes have it."""
        return Settings(outputs=self.extra["OUTPUTS"], series_rules=self.extra["SERIES_RULES"])

    def write(self, count: int, slices: int) -> Path:
        """Write studies beside the inbox. Returns their folder, which `drop_all` moves in."""
        folder = self.home / f"studies-{self.written}"
        for number in range(self.written, self.written + count):
            name = f"flow-{number}"
            shape, spacing = (slices, 36, 36), (5.0, 4.0, 4.0)
            write_study(folder / name, Recipe(name=name), shape=shape, spacing=spacing)
        self.written += count
        return folder

    def drop_all(self, folder: Path) -> None:
        """Move a folder of studies into the inbox, all at once."""
        folder.rename(self.inbox / folder.name)

    def count(self, table: str) -> int:
        """Rows of a table."""
        looking = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        with looking.connect() as connection:
            return int(connection.scalar(text(f"SELECT count(*) FROM {table} /* bench */")) or 0)

    def stages(self) -> dict[str, float]:
        """Mean seconds of the jobs by stage, as recorded."""
        means = text(
            "SELECT key, avg(value::float) FROM result, json_each_text(timings_s)"
            " GROUP BY key ORDER BY key"
        )
        with self.engine.connect() as connection:
            return {name: float(mean) for name, mean in connection.execute(means)}

    def until_rows(self, table: str, rows: int) -> None:
        """Wait until a table has so many rows."""
        self._wait(lambda: self.count(table) >= rows, f"{rows} rows of {table}")

    def until_no_message(self) -> None:
        """Wait until every message has been taken and acknowledged."""

        def gone() -> bool:
            with self._celery() as app, app.connection_for_read() as connection:
                redis = connection.default_channel.client
                return not redis.llen(QUEUE) and not redis.hlen("unacked")

        self._wait(gone, "no message left")

    def start_watcher(self) -> int:
        """Start the watcher, and wait until it watches. Returns its pid."""
        before = self.count("worker")
        process = self.watcher()
        self.until_rows("worker", before + 1)
        return process.popen.pid

    def start_workers(self, count: int) -> list[int]:
        """Start workers, and wait until their parents are there. Returns the pids of these."""
        before = self.count("worker")
        processes = [self.worker() for _ in range(count)]
        self.until_rows("worker", before + count)
        return [one.popen.pid for one in processes]

    def _wait(self, ready: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + LONGEST_S
        while not ready():
            if time.monotonic() > end:
                self.show_logs()
                raise TimeoutError(f"{what} not within {LONGEST_S:g} s")
            time.sleep(LOOK_S)


@contextmanager
def flow_site(servers: Servers, *, outputs: str) -> Iterator[FlowSite]:
    """A site with a database of its own; its processes end with the block."""
    with TemporaryDirectory(prefix="metseg-bench-") as folder:
        home = Path(folder)
        rules = home / "rules.toml"
        rules.write_text(SMALL_SERIES)
        extra = SHORTEST | {"OUTPUTS": outputs, "SERIES_RULES": str(rules)}
        url, broker = servers.postgres.new_database(), servers.redis.url
        site = FlowSite(home, url, broker_url=broker, extra=extra)
        try:
            with site.engine.begin() as connection:
                connection.execute(text("CREATE EXTENSION pg_stat_statements"))
            yield site
        finally:
            site.close()


@contextmanager
def private_servers() -> Iterator[Servers]:
    """Servers that make durable what they commit, and end with the block."""
    postgres, redis = PostgresServer(durable=True, options=STATISTICS), RedisServer()
    try:
        yield Servers(postgres.start(), redis.start())
    finally:
        redis.close()
        postgres.close()
