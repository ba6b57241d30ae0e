"""The Celery worker has the settings of docs/reliability.md, and the page names them."""

import os
from pathlib import Path
from typing import Any, cast

import pytest

from metseg.broker import SEGMENT_TASK
from metseg.settings import Settings
from tests.helpers.places import ROOT
from worker.process.app import CHILD_LOGS, patient_worker, worker_app, worker_arguments
from worker.process.tasks import FOLDER_KEY, WORKER_KEY, segment

PAGE = ROOT / "docs" / "reliability.md"
TABLE: dict[str, object] = {
    "worker_pool_start_method": "spawn",
    "worker_proc_alive_timeout": 120.0,
    "task_acks_late": True,
    "worker_prefetch_multiplier": 1,
    "task_reject_on_worker_lost": False,
    "task_acks_on_failure": True,
    "task_acks_on_timeout": True,
    "task_soft_time_limit": 840,
    "task_time_limit": 900,
    "broker_connection_retry_on_startup": True,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "task_ignore_result": True,
    "task_serializer": "json",
    "accept_content": ["json"],
    "worker_soft_shutdown_timeout": 30,
}
TRANSPORT: dict[str, object] = {
    "visibility_timeout": 3600,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "socket_keepalive": True,
    "health_check_interval": 25,
    "global_keyprefix": "metseg:",
}


@pytest.fixture
def settings() -> Settings:
    return Settings(broker_url="redis://:secret@nowhere:1/0")


@pytest.mark.parametrize(("name", "value"), TABLE.items())
def test_a_celery_setting_has_the_value_of_the_page(
    settings: Settings, tmp_path: Path, name: str, value: object
) -> None:
    assert worker_app(settings, name="w", folder=tmp_path).conf[name] == value
    assert name in PAGE.read_text()


@pytest.mark.parametrize(("name", "value"), TRANSPORT.items())
def test_a_setting_of_the_transport_has_the_value_of_the_page(
    settings: Settings, tmp_path: Path, name: str, value: object
) -> None:
    app = worker_app(settings, name="w", folder=tmp_path)
    assert app.conf.broker_transport_options[name] == value
    assert name in PAGE.read_text()


def test_worker_children_learn_their_parent_and_import_the_task(
    settings: Settings, tmp_path: Path
) -> None:
    app = worker_app(settings, name="host:1:ab", folder=tmp_path)
    assert (app.conf[WORKER_KEY], app.conf[FOLDER_KEY]) == ("host:1:ab", str(tmp_path))
    assert app.conf.imports == ("worker.process.tasks",)
    assert segment.name == SEGMENT_TASK


def test_a_worker_has_one_child_and_sends_no_needless_messages(settings: Settings) -> None:
    arguments = worker_arguments(settings, name="host:1:ab")
    for flag in ("--pool=prefork", "--concurrency=1"):
        assert flag in arguments
    for silent in ("--without-gossip", "--without-mingle", "--without-heartbeat"):
        assert silent in arguments
    assert "secret" not in " ".join(arguments)


def test_children_are_not_told_to_log_in_a_style_of_celery(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = worker_app(settings, name="w", folder=tmp_path)
    monkeypatch.setattr(app.log, "setup", lambda *_a, **_k: monkeypatch.setenv(CHILD_LOGS, "20"))
    made = patient_worker(app, cast("Any", None))
    worker = made.__new__(made)
    worker.app, worker.loglevel, worker.logfile, worker.hostname = app, 20, None, "h"
    worker.no_color = worker.redirect_stdouts = worker.redirect_stdouts_level = False
    worker.setup_logging()
    assert CHILD_LOGS not in os.environ
