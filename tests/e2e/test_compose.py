"""Server mode as docker-compose.yml says it: each service's own command, environment and health."""

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.compose_stack import ComposeStack
from tests.helpers.dicom.phantom import CANARY_NAME, Recipe, write_study
from tests.helpers.servers.services import wait_until

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.xdist_group("compose")]

STUDIES = 10
FAST = {
    "METSEG_ENSEMBLE": "tests.helpers.fakes:ThresholdEnsemble",
    "METSEG_QUIET_S": "1",
    "METSEG_SCAN_INTERVAL_S": "0.5",
    "METSEG_LEASE_S": "9",
    "METSEG_MIN_FREE_MB": "1",
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    """Redis, PostgreSQL, migrate, then a watcher and two workers."""
    with ComposeStack(tmp_path_factory.mktemp("compose"), FAST) as running:
        running.start_servers()
        migrate = running.start("migrate")
        assert migrate.wait(120) == 0, running.logs()
        running.start("watcher")
        running.start("worker", "worker-1")
        running.start("worker", "worker-2")
        yield running


def drop_studies(stack: ComposeStack, folder: Path) -> None:
    """Write ten studies beside the inbox and move each in."""
    for number in range(STUDIES):
        place = folder / f"study-{number}"
        recipe = Recipe(name=f"compose {number}")
        write_study(place, recipe, shape=(13, 48, 48), spacing=(5.0, 3.4, 3.4), seed=number)
        shutil.move(place, stack.inbox / place.name)


def finished(stack: ComposeStack) -> bool:
    """Whether all jobs are there and have ended; a dead service fails the test at once."""
    for name in ("watcher", "worker-1", "worker-2"):
        assert stack.processes[name].poll() is None, f"{name} ended\n{stack.logs()}"
    ended = "SELECT count(*) FROM job WHERE state NOT IN ('pending', 'running')"
    return stack.query(ended) == [(STUDIES,)]


def test_ten_studies_give_ten_results_each_once(stack: ComposeStack, tmp_path: Path) -> None:
    drop_studies(stack, tmp_path)
    wait_until(lambda: finished(stack), what=f"{STUDIES} jobs have ended")
    answer = stack.run("watcher", ["metseg", "results", "--format", "json"])
    assert answer.returncode == 0, answer.stderr
    reports = json.loads(answer.stdout)
    assert [(report["status"], report["n_lesions"]) for report in reports] == [
        ("succeeded", 3)
    ] * STUDIES
    assert len({report["study_uid"] for report in reports}) == STUDIES
    for table in ("study", "snapshot", "job", "result"):
        assert stack.query(f"SELECT count(*) FROM {table}") == [(STUDIES,)], table
    assert all(
        (stack.state / "results") in Path(artifact["path"]).parents
        for report in reports
        for artifact in report["artifacts"]
    )


def test_every_health_check_of_the_file_succeeds(stack: ComposeStack) -> None:
    for name in ("redis", "postgres", "watcher", "worker"):
        stack.wait_healthy(name)


@pytest.mark.parametrize(
    ("service", "names"), [("worker", ("worker-1", "worker-2")), ("watcher", ("watcher",))]
)
def test_a_process_that_stands_still_is_unhealthy_and_recovers(
    stack: ComposeStack, service: str, names: tuple[str, ...]
) -> None:
    for name in names:
        stack.processes[name].send_signal(signal.SIGSTOP)
    try:
        wait_until(
            lambda: not stack.healthy(service, "--within", "10"),
            what=f"a stopped {service} is unhealthy",
        )
    finally:
        for name in names:
            stack.processes[name].send_signal(signal.SIGCONT)
    stack.wait_healthy(service, "--within", "10")


def test_no_password_is_on_a_command_line_or_in_a_log(stack: ComposeStack) -> None:
    seen = stack.command_lines() + stack.logs()
    assert "redis-server" in seen
    assert not any(password in seen for password in stack.passwords)
    assert CANARY_NAME not in seen


def test_a_server_without_the_password_answers_nobody(stack: ComposeStack) -> None:
    words = ["env", "-u", "REDISCLI_AUTH", "redis-cli", "ping"]
    assert "NOAUTH" in stack.run("redis", words).stdout


def test_redis_refuses_to_start_with_a_password_that_no_url_can_carry(
    stack: ComposeStack,
) -> None:
    service = stack.services["redis"]
    refused = stack.run("redis", ["env", "REDIS_PASSWORD=a/b", *service.command])
    assert refused.returncode == 64
    assert "REDIS_PASSWORD must be" in refused.stderr


def test_a_stop_ends_every_service_within_its_grace_period(stack: ComposeStack) -> None:
    names = ("worker-1", "worker-2", "watcher")
    for name in names:
        stack.processes[name].terminate()
    for name in names:
        assert stack.processes[name].wait(30) == 0, f"{name}\n{stack.logs()}"
    assert stack.query("SELECT count(*) FROM job WHERE owner IS NOT NULL") == [(0,)]
