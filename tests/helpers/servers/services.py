"""Private redis-server and PostgreSQL for tests. Nothing here touches a server it did not start."""

import os
import pwd
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import psycopg
import pytest
import redis

START_S = 30.0
PATIENCE_S = 150.0
"""For what a busy machine does late; where all is well nobody waits for it."""
POSTGRES_USER = "metseg"


def find_binary(name: str) -> str | None:
    """Path of a program: on PATH, or where Debian hides PostgreSQL's."""
    found = shutil.which(name)
    hidden = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return found or (str(hidden[-1]) if hidden else None)


def require_binary(name: str) -> str:
    """Path of a program; without it the test skips, or fails with METSEG_REQUIRE_SERVICES=1."""
    found = find_binary(name)
    if found is not None:
        return found
    reason = f"{name} is not installed"
    if os.environ.get("METSEG_REQUIRE_SERVICES") == "1":
        pytest.fail(f"METSEG_REQUIRE_SERVICES=1 but {reason}")
    pytest.skip(reason)


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(ready: Callable[[], bool], *, what: str, seconds: float = PATIENCE_S) -> None:
    """Poll until `ready`, or fail the test with what was awaited."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            pytest.fail(f"{what} not within {seconds} s")
        time.sleep(0.02)


class _Server:
    """A server of a test: own folder, port and password, and a process that can be killed."""

    end_by = signal.SIGKILL

    def __init__(self, folder: str) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix=folder))
        self.port = free_port()
        self.password = secrets.token_hex(8)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it on the same port and folder as before, and wait until it answers."""
        raise NotImplementedError

    def kill(self) -> None:
        """End it without a shutdown; what it wrote to disk is there at the next start."""
        _end(self.process, self.end_by)
        self.process = None

    def restart(self, *, down_s: float = 0.0) -> None:
        """Kill it and start it again on the same port."""
        self.kill()
        time.sleep(down_s)
        self.start()

    def close(self) -> None:
        """Kill it and remove its folder."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


class RedisServer(_Server):
    """A redis-server of one test: password, append-only file, own folder and port."""

    def __init__(self, *, maxmemory: str = "0") -> None:
        self.binary = require_binary("redis-server")
        super().__init__("metseg-redis-")
        self.maxmemory = maxmemory

    @property
    def url(self) -> str:
        """Broker URL for Celery."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> Self:
        """Start it on the same port and folder as before, and wait until it answers."""
        config = self.directory / "redis.conf"
        config.write_text(
            f"port {self.port}\nbind 127.0.0.1\nrequirepass {self.password}\n"
            f'dir {self.directory}\nappendonly yes\nappendfsync everysec\nsave ""\n'
            f"maxmemory {self.maxmemory}\nmaxmemory-policy noeviction\n"
        )
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.binary, str(config)], stdout=log, stderr=log, start_new_session=True
            )
        wait_until(self.answers, seconds=START_S, what="redis-server answers")
        return self

    def client(self) -> redis.Redis:
        """A client of this server; close it."""
        return redis.Redis.from_url(self.url, socket_timeout=2)

    def answers(self) -> bool:
        """Whether it answers a PING."""
        with self.client() as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

    def flush(self) -> None:
        """Lose every message."""
        with self.client() as client:
            client.flushall()

    def drop_connections(self) -> None:
        """Cut every client's connection; the server lives on."""
        with self.client() as client:
            client.client_kill_filter(_type="normal", skipme=True)


class PostgresServer(_Server):
    """A PostgreSQL cluster of this test run, under an unprivileged user when we are root. Only with
    `durable` do its commits wait for the disk.
    """

    end_by = signal.SIGQUIT

    def __init__(self, *, durable: bool = False) -> None:
        self.initdb = require_binary("initdb")
        self.binary = require_binary("postgres")
        super().__init__("metseg-pg-")
        self._fsync = "on" if durable else "off"
        self._count = 0
        self._owner = _unprivileged()
        self._initialise()

    @property
    def data(self) -> Path:
        """The cluster's own folder."""
        return self.directory / "data"

    def _initialise(self) -> None:
        secret = self.directory / "password"
        secret.write_text(self.password)
        if self._owner is not None:
            for path in (self.directory, secret):
                os.chown(path, self._owner.pw_uid, self._owner.pw_gid)
        self._run(
            f"{self.initdb} -D {self.data} -U {POSTGRES_USER} --pwfile {secret}"
            " -A scram-sha-256 -E UTF8 --locale=C --no-sync"
        ).wait(START_S)

    def _run(self, command: str) -> subprocess.Popen[bytes]:
        who = self._owner
        with (self.directory / "log").open("ab") as log:
            return subprocess.Popen(
                shlex.split(command),
                cwd=self.directory,
                stdout=log,
                stderr=log,
                user=None if who is None else who.pw_uid,
                group=None if who is None else who.pw_gid,
                extra_groups=None if who is None else [],
                start_new_session=True,
            )

    def start(self) -> Self:
        """Start it on the same port and data as before, and wait until it answers."""
        self.process = self._run(
            f"{self.binary} -D {self.data} -k {self.directory} -h 127.0.0.1 -p {self.port}"
            f" -c fsync={self._fsync} -c max_connections=60"
        )
        wait_until(self.answers, seconds=START_S, what="PostgreSQL answers")
        return self

    def _admin(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self._conninfo("postgres"), autocommit=True, connect_timeout=5)

    def _conninfo(self, database: str) -> str:
        return f"postgresql://{POSTGRES_USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def answers(self) -> bool:
        """Whether it takes a connection."""
        try:
            self._admin().close()
        except psycopg.OperationalError:
            return False
        return True

    def new_database(self, *, template: str = "template0") -> str:
        """Make an empty database, or a copy of `template`. Returns its SQLAlchemy URL."""
        self._count += 1
        name = f"test_{self._count}"
        with self._admin() as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return self._conninfo(name).replace("postgresql://", "postgresql+psycopg://", 1)

    def drop_connections(self) -> None:
        """Cut every other connection, in the middle of whatever it does."""
        with self._admin() as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )


def _unprivileged() -> pwd.struct_passwd | None:
    """The user that runs PostgreSQL, which refuses to run as root. None if we are not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    pytest.skip("PostgreSQL refuses root, and there is no user postgres or nobody")


def _end(process: subprocess.Popen[bytes] | None, how: signal.Signals) -> None:
    if process is None or process.poll() is not None:
        return
    process.send_signal(how)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
