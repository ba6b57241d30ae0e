"""The services of docker-compose.yml as plain processes: their own commands and environment.

Host names become the loopback with free ports, paths in containers become folders of the test.
Nothing else changes.
"""

import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import psutil
import psycopg
from psycopg import sql

from tests.helpers.servers.compose import COMPOSE_FILE, ROOT, Service, load
from tests.helpers.servers.services import (
    POSTGRES_USER,
    PostgresServer,
    free_port,
    require_binary,
    wait_until,
)

BIN = Path(sys.executable).parent
ODD = "p@s/s:w'r d%&?"
"""A database password that no URL would carry unescaped."""


class ComposeStack:
    """Private redis and PostgreSQL, and as many of our services as a test asks for."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.folder = folder
        self.inbox, self.state = folder / "inbox", folder / "state"
        for path in (self.inbox, self.state, folder / "redis", folder / "bin"):
            path.mkdir()
        self.passwords = (ODD, f"Redis.{secrets.token_hex(8)}~-")
        values = {
            "POSTGRES_PASSWORD": self.passwords[0],
            "REDIS_PASSWORD": self.passwords[1],
            "METSEG_INBOX_PATH": str(self.inbox),
            "METSEG_STATE_PATH": str(self.state),
        }
        self.services = load(COMPOSE_FILE, values | settings)
        self.ports = {"redis": free_port()}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.postgres: PostgresServer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            _end_tree(process)
        if self.postgres is not None:
            self.postgres.close()

    # -- servers

    def wait_healthy(self, service: str, *extra: str) -> None:
        """Wait until the service's health check succeeds."""
        wait_until(lambda: self.healthy(service, *extra), what=f"{service} is healthy")

    def start_servers(self) -> None:
        """Redis by the file's command; PostgreSQL with the file's user and database."""
        require_binary("redis-server")
        shim = self.folder / "bin" / "redis-cli"
        shim.write_text(
            f'#!/bin/sh\nexec {require_binary("redis-cli")} -p {self.ports["redis"]} "$@"\n'
        )
        shim.chmod(0o755)
        self._start_postgres()
        redis = self.services["redis"]
        extra = ("--port", str(self.ports["redis"]), "--bind", "127.0.0.1")
        self._spawn("redis", redis, (*self._words(redis, redis.command), *extra))
        for name in ("redis", "postgres"):
            self.wait_healthy(name)

    def _start_postgres(self) -> None:
        wanted = self.services["postgres"].environment
        assert wanted["POSTGRES_USER"] == POSTGRES_USER
        self.postgres = PostgresServer().start()
        self.ports["postgres"] = self.postgres.port
        url = self.postgres.new_database().replace("+psycopg", "")
        role, database = (sql.Identifier(wanted[f"POSTGRES_{key}"]) for key in ("USER", "DB"))
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(database))
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(ODD)))

    def query(self, text: str) -> list[tuple[object, ...]]:
        """Rows of a query on the database of the stack."""
        with psycopg.connect(
            host="127.0.0.1",
            port=self.ports["postgres"],
            user=POSTGRES_USER,
            password=ODD,
            dbname=self.services["postgres"].environment["POSTGRES_DB"],
        ) as connection:
            return list(connection.execute(text.encode()).fetchall())

    # -- our services

    def start(self, service: str, name: str = "") -> subprocess.Popen[bytes]:
        """Start one more process of a service; its output goes to `NAME.log`."""
        found = self.services[service]
        return self._spawn(name or service, found, ("metseg", *found.command))

    def run(self, service: str, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a command in the place of a service, as `docker compose exec` does."""
        found = self.services[service]
        return subprocess.run(
            self._words(found, words),
            env=self.environment(found),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def healthy(self, service: str, *extra: str) -> bool:
        """Whether the service's own health check succeeds; `extra` is appended to its words."""
        kind, *words = self.services[service].health
        command = ["sh", "-c", *words] if kind == "CMD-SHELL" else [*words, *extra]
        return self.run(service, command).returncode == 0

    def environment(self, service: Service) -> dict[str, str]:
        """The service's environment on this machine; no METSEG_… of the caller comes along."""
        path = os.pathsep.join((str(self.folder / "bin"), str(BIN), os.environ["PATH"]))
        here = {
            key: value for key, value in os.environ.items() if key in ("HOME", "LANG", "TMPDIR")
        }
        own = {key: self._on_loopback(service, text) for key, text in service.environment.items()}
        port = {"PGPORT": str(self.ports.get("postgres", 0))} if service.name == "postgres" else {}
        return here | port | {"PATH": path, "PYTHONPATH": str(ROOT)} | own

    def _words(self, service: Service, words: Sequence[str]) -> tuple[str, ...]:
        return tuple(self._on_loopback(service, word) for word in words)

    def _on_loopback(self, service: Service, text: str) -> str:
        """A container's path becomes its folder here, `redis:6379` becomes `127.0.0.1:PORT`."""
        for mount in service.mounts:
            if text == mount.target:
                return str(self.folder / mount.source)
        hosts = "|".join(self.ports)
        return re.sub(rf"\b({hosts}):\d+", lambda m: f"127.0.0.1:{self.ports[m[1]]}", text)

    def _spawn(self, name: str, service: Service, words: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                list(words),
                env=self.environment(service),
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes[name] = process
        return process

    def command_lines(self) -> str:
        """What `ps` shows of every process of the stack."""
        found = []
        for process in self.processes.values():
            try:
                parent = psutil.Process(process.pid)
                family = (parent, *parent.children(recursive=True))
                found += [" ".join(member.cmdline()) for member in family]
            except psutil.NoSuchProcess:
                continue
        return "\n".join(found)

    def logs(self) -> str:
        """All that the services printed."""
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("*.log")))


def _end_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and its children, stopped ones as well."""
    if process.poll() is not None:
        return
    parent = psutil.Process(process.pid)
    for child in (*parent.children(recursive=True), parent):
        try:
            child.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
    process.wait(10)
