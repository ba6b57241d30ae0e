"""The checks of `metseg doctor`: what each found and, where something is wrong, what to do."""

import importlib.metadata
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from db.trouble import database_place, database_trouble
from imaging.choice.rules import rules_in_force
from metseg.disk import MB, free_bytes
from metseg.errors import MetsegError
from metseg.folders import folder_problem
from metseg.settings import Settings

PACKAGES = (
    "metseg",
    "tensorflow",
    "keras",
    "pydicom",
    "highdicom",
    "numpy",
    "opencv-python-headless",
    "sqlalchemy",
    "celery",
    "redis",
    "watchdog",
)
OPTIONAL = ("openvino",)

INOTIFY = Path("/proc/sys/fs/inotify")
LEAST_WATCHES = 8192
"""With fewer watches a deep inbox gives no events; metseg then finds files by its own scans."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `metseg doctor`. `todo` is empty when all is well."""

    name: str
    found: str
    todo: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is nothing to do."""
        return not self.todo


def run_checks(settings: Settings) -> Iterator[Check]:
    """Run all checks in turn. A check that raises an error is reported as one that failed."""
    checks: tuple[tuple[str, Callable[[Settings], Iterator[Check]]], ...] = (
        ("versions", _versions),
        ("weights", _weights),
        ("devices", _devices),
        ("database", _database),
        ("broker", _broker),
        ("free space", _space),
        ("inbox", _inbox),
        ("inotify", _inotify),
        ("series rules", _series_rules),
    )
    for name, check in checks:
        try:
            yield from check(settings)
        except (MetsegError, OSError, SQLAlchemyError, ImportError) as error:
            yield Check(name, f"{type(error).__name__}", _remedy(error, settings))


def _remedy(error: Exception, settings: Settings) -> str:
    if isinstance(error, SQLAlchemyError):
        return database_trouble(error, settings.database)
    return str(error)


def _versions(_: Settings) -> Iterator[Check]:
    yield Check("python", platform.python_version())
    for package in PACKAGES:
        try:
            yield Check(package, importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            yield Check(package, "not installed", "run `make install`")
    for package in OPTIONAL:
        if find_spec(package) is not None:
            yield Check(package, importlib.metadata.version(package))


def _weights(settings: Settings) -> Iterator[Check]:
    from models.catalogue import describe, model_version, short_model_card

    for file in describe(settings.ensemble, settings.weights):
        todo = "" if file.ok else "the file is missing or changed: copy it from the release again"
        found = (file.sha256_found or "missing")[:16]
        yield Check(f"weights {file.path.name}", f"SHA-256 {found}…", todo)
    yield Check("model version", model_version(settings.ensemble, settings.weights))
    for line in short_model_card(settings.ensemble, settings.weights):
        yield Check("model card", line)


def _devices(settings: Settings) -> Iterator[Check]:
    from models.catalogue import device_names
    from models.engines.choice import engine_in_use
    from worker.host.host import Host

    names = device_names()
    missing = settings.device == "gpu" and not any("GPU" in name.upper() for name in names)
    todo = "METSEG_DEVICE is gpu, but no GPU was found: install the cuda extra and the driver"
    yield Check("devices", ", ".join(names), todo if missing else "")
    for use in Host(settings, "").device_uses():
        holders = "held by " + ", ".join(use.holders) if use.holders else "free"
        failed = use.left_out or ""
        yield Check(f"device {use.device}", f"left out: {failed}" if failed else holders, failed)
    yield Check("engine", engine_in_use(settings.engine, settings.device))


def _database(settings: Settings) -> Iterator[Check]:
    from db.session import make_engine
    from db.upgrade import current_revision, head_revision

    if settings.database_url is None and not (settings.home_dir / "metseg.sqlite3").exists():
        yield Check("database", "SQLite, not made yet: `metseg run` makes it")
        return
    engine = make_engine(settings.database)
    try:
        current, head = current_revision(engine), head_revision()
    finally:
        engine.dispose()
    todo = "" if current == head else f"run `metseg migrate`: the newest is {head}"
    place = database_place(settings.database)
    yield Check("database", f"{place}, {f'revision {current}' if current else 'empty'}", todo)


def _broker(settings: Settings) -> Iterator[Check]:
    if settings.broker is None:
        yield Check("broker", "not set: metseg runs embedded")
        return
    from kombu.exceptions import OperationalError

    from metseg.broker import make_celery

    try:
        with make_celery(settings).connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0.2, timeout=3)
            yield Check("broker", f"{connection.transport_cls} answers")
    except (OperationalError, OSError) as error:
        yield Check("broker", type(error).__name__, "check METSEG_BROKER_URL and its password")


def _space(settings: Settings) -> Iterator[Check]:
    for name, folder in (("spool", settings.spool_dir), ("results", settings.results_dir)):
        if problem := folder_problem(settings, name):
            yield Check(f"folder for {name}", "not usable", problem)
            continue
        free = free_bytes(folder) / MB
        short = free < settings.min_free_mb
        todo = f"free at least {settings.min_free_mb:.0f} MB: metseg takes in and starts nothing"
        yield Check(f"free space for {name}", f"{free:,.0f} MB", todo if short else "")


def _inbox(settings: Settings) -> Iterator[Check]:
    from watcher.scan.places import check_places

    if settings.inbox is None:
        yield Check("inbox", "not set: name it on the command line")
        return
    readable = settings.inbox.expanduser().is_dir()
    todo = "" if readable else "METSEG_INBOX must be a folder that can be read"
    yield Check("inbox", "is a folder" if readable else "is not a folder", todo)
    if readable:
        check_places(settings, settings.inbox.expanduser().absolute())


def _inotify(_: Settings) -> Iterator[Check]:
    limit = INOTIFY / "max_user_watches"
    if not limit.exists():
        yield Check("inotify", "not on this system: scans find the files")
        return
    watches = int(limit.read_text())
    todo = f"sysctl fs.inotify.max_user_watches={LEAST_WATCHES} or more, or set METSEG_POLLING=1"
    yield Check("inotify watches", f"{watches:,}", todo if watches < LEAST_WATCHES else "")


def _series_rules(settings: Settings) -> Iterator[Check]:
    """An invalid file of rules has ended the command before this check."""
    digest = rules_in_force(settings.series_rules).digest
    named = "the built-in ones" if settings.series_rules is None else str(settings.series_rules)
    same = "nothing differs from the built-in ones" if digest is None else f"SHA-256 {digest[:16]}…"
    yield Check("series rules", named if settings.series_rules is None else f"{named}: {same}")
