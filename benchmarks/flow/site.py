"""A metseg on private, durable servers for ``make bench-flow``: real processes, and networks that
answer at once.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import text

from tests.e2e.proc import Proc
from tests.e2e.site import Site
from tests.helpers.dicom.phantom import Recipe, write_study
from tests.helpers.servers.services import PostgresServer, RedisServer

LONGEST_S = 900.0
LOOK_S = 0.05
STATISTICS = ("shared_preload_libraries=pg_stat_statements",)
SHORTEST = {"QUIET_S": "0", "SCAN_INTERVAL_S": "0.5", "LEASE_S": "90", "BACKOFF_S": "30"}
"""No waiting for more files; all else as shipped."""
SMALL_SERIES = "[limits]\nminimum_slices = 4\nleast_cover_mm = 0\n"
"""Rules under which four slices of a phantom are a series to segment."""


class FlowSite(Site):
    """Watcher and workers, and studies to feed them with."""

    studies = 0
    """How many were written so far: each has a name of its own."""

    def environment(self) -> dict[str, str]:
        """Without the folder of faults, where the fake networks leave traces."""
        whole = super().environment()
        return {name: value for name, value in whole.items() if name != "FAKE_FAULTS"}

    def write(self, count: int, slices: int) -> Path:
        """Write studies beside the inbox. Returns their folder, which `drop_all` moves in."""
        folder = self.home / f"studies-{self.studies}"
        for number in range(self.studies, self.studies + count):
            name = f"flow-{number}"
            write_study(
                folder / name, Recipe(name=name), shape=(slices, 36, 36), spacing=(5.0, 4.0, 4.0)
            )
        self.studies += count
        return folder

    def drop_all(self, folder: Path) -> None:
        """Move a folder of studies into the inbox, all at once."""
        folder.rename(self.inbox / folder.name)

    def count(self, table: str) -> int:
        """Rows of a table."""
        with self.engine.connect() as connection:
            return int(connection.scalar(text(f"SELECT count(*) FROM {table} /* bench */")) or 0)

    def until_rows(self, table: str, rows: int) -> None:
        """Wait until a table has so many rows."""
        self._wait(lambda: self.count(table) >= rows, f"{rows} rows of {table}")

    def start_watcher(self) -> Proc:
        """Start the watcher, and wait until it watches."""
        before = self.count("worker")
        process = self.watcher()
        self.until_rows("worker", before + 1)
        return process

    def start_workers(self, count: int) -> list[Proc]:
        """Start workers, and wait until their parents are there."""
        before = self.count("worker")
        processes = [self.worker() for _ in range(count)]
        self.until_rows("worker", before + count)
        return processes

    def _wait(self, ready: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + LONGEST_S
        while not ready():
            if time.monotonic() > end:
                self.show_logs()
                raise TimeoutError(f"{what} not within {LONGEST_S:g} s")
            time.sleep(LOOK_S)


@contextmanager
def flow_site(outputs: str, slices: int) -> Iterator[tuple[FlowSite, PostgresServer, RedisServer]]:
    """A site with servers of its own, which end with the block."""
    postgres = PostgresServer(durable=True, options=STATISTICS)
    redis = RedisServer()
    with TemporaryDirectory(prefix="metseg-bench-") as folder:
        home = Path(folder)
        rules = home / "rules.toml"
        rules.write_text(SMALL_SERIES)
        extra = (
            SHORTEST | {"OUTPUTS": outputs} | ({"SERIES_RULES": str(rules)} if slices > 3 else {})
        )
        try:
            postgres.start()
            redis.start()
            site = FlowSite(home, postgres.new_database(), broker_url=redis.url, extra=extra)
            with site.engine.begin() as connection:
                connection.execute(text("CREATE EXTENSION pg_stat_statements"))
            try:
                yield site, postgres, redis
            finally:
                site.close()
        finally:
            redis.close()
            postgres.close()
