"""What docker-compose.yml promises, read from the file itself."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from metseg.settings import Settings
from tests.helpers.servers.compose import (
    COMPOSE_FILE,
    EXAMPLE_ENV,
    GPU_FILE,
    ROOT,
    RefusedError,
    Service,
    interpolate,
    load,
    read_env,
)

FILLED = {"POSTGRES_PASSWORD": "p@ss/w:rd", "REDIS_PASSWORD": "letters-and-digits-1"}
OURS = ("migrate", "watcher", "worker")
SETTINGS = {f"METSEG_{name.upper()}" for name in Settings.model_fields}
NOT_FOR_COMPOSE = {"METSEG_SPOOL", "METSEG_RESULTS", "METSEG_WEIGHTS"}
"""Paths inside the containers: volumes decide where they lie on the host."""


@pytest.fixture(scope="module")
def services() -> dict[str, Service]:
    return load(COMPOSE_FILE, FILLED)


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("a $$B c", {"B": "1"}, "a $B c"),
        ("$A/${B}", {"A": "1", "B": "2"}, "1/2"),
        ("${A}", {}, ""),
        ("${A:-b c}", {}, "b c"),
        ("${A:-b}", {"A": ""}, "b"),
        ("${A-b}", {"A": ""}, ""),
        ("${A:-b}", {"A": "1"}, "1"),
        ("${A:?fill in A}", {"A": "x$y"}, "x$y"),
        ("${A?fill in A}", {"A": ""}, ""),
    ],
)
def test_interpolation_by_the_test_reader_follows_the_rules_of_compose(
    text: str, values: dict[str, str], expected: str
) -> None:
    assert interpolate(text, values) == expected


@pytest.mark.parametrize(
    ("text", "values"), [("${A:?fill in A}", {}), ("${A:?fill in A}", {"A": ""}), ("${A?x}", {})]
)
def test_a_required_variable_without_a_value_is_refused_with_its_message(
    text: str, values: dict[str, str]
) -> None:
    with pytest.raises(RefusedError, match=r"^A: "):
        interpolate(text, values)


@pytest.mark.parametrize("text", ["${A", "${A:+b}", "$ ", "${}"])
def test_an_interpolation_form_that_the_test_reader_does_not_know_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="known form"):
        interpolate(text, {"A": "1"})


def test_the_unedited_example_env_file_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"fill in .*PASSWORD in \.env"):
        load(COMPOSE_FILE, read_env(EXAMPLE_ENV))


@pytest.mark.parametrize("name", sorted(FILLED))
def test_each_password_of_the_env_file_is_required(name: str) -> None:
    with pytest.raises(RefusedError, match=name):
        load(COMPOSE_FILE, read_env(EXAMPLE_ENV) | FILLED | {name: ""})


def test_the_example_env_file_with_passwords_is_enough() -> None:
    values = read_env(EXAMPLE_ENV) | FILLED
    assert set(load(COMPOSE_FILE, values)) == {"redis", "postgres", *OURS}


def test_the_example_env_file_names_only_variables_that_the_compose_files_use() -> None:
    text = COMPOSE_FILE.read_text() + GPU_FILE.read_text()
    assert all(re.search(rf"\$\{{{name}\b", text) for name in read_env(EXAMPLE_ENV))


def test_an_env_file_with_passwords_is_ignored_by_git_and_left_out_of_the_image() -> None:
    assert ".env" in (ROOT / ".gitignore").read_text().split()
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert "!.env" not in rules


@pytest.mark.parametrize("path", [COMPOSE_FILE, GPU_FILE], ids=lambda path: path.name)
def test_every_metseg_variable_of_a_service_is_a_setting(path: Path) -> None:
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    names = {key for raw in document["services"].values() for key in raw.get("environment", {})}
    assert {name for name in names if name.startswith("METSEG_")} <= SETTINGS


def test_every_setting_can_be_given_in_the_env_file() -> None:
    document: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
    named = {key for name in OURS for key in document["services"][name]["environment"]}
    assert named >= SETTINGS - NOT_FOR_COMPOSE


def test_the_services_settings_are_valid(
    services: dict[str, Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OURS:
        with monkeypatch.context() as patch:
            for key, value in services[name].environment.items():
                patch.setenv(key, value)
            settings = Settings()
        assert settings.database == "postgresql+psycopg://metseg@postgres:5432/metseg"
        assert settings.broker == "redis://:letters-and-digits-1@redis:6379/0"
        assert str(settings.home_dir) == "/var/lib/metseg"


def test_a_setting_of_the_env_file_reaches_the_program_and_an_absent_one_does_not() -> None:
    worker = load(COMPOSE_FILE, FILLED | {"METSEG_FLIP": "true"})["worker"]
    assert worker.environment["METSEG_FLIP"] == "true"
    assert "METSEG_SEED_THRESHOLD" not in worker.environment


def test_no_service_publishes_a_port_or_has_a_fixed_name(
    services: dict[str, Service],
) -> None:
    for service in services.values():
        assert not {"ports", "expose", "container_name", "hostname"} & set(service.raw), service


def test_the_only_network_of_the_services_has_no_way_out(services: dict[str, Service]) -> None:
    document: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
    assert document["networks"] == {"backend": {"internal": True}}
    assert all(service.raw["networks"] == ["backend"] for service in services.values())


def test_every_service_restarts_and_runs_without_privileges(services: dict[str, Service]) -> None:
    for name, service in services.items():
        assert service.raw["restart"] == ("on-failure:5" if name == "migrate" else "unless-stopped")
        assert int(service.raw["user"].split(":")[0]) > 0
        assert service.raw["read_only"] is True
        assert service.raw["cap_drop"] == ["ALL"]
        assert service.raw["security_opt"] == ["no-new-privileges:true"]
        assert service.raw["logging"]["options"]["max-size"] == "10m"


def test_every_lasting_service_has_a_health_check_that_is_more_than_a_process(
    services: dict[str, Service],
) -> None:
    assert services["watcher"].health == ("CMD", "metseg", "health", "watcher")
    assert services["worker"].health == ("CMD", "metseg", "health", "worker")
    assert "SELECT 1" in services["postgres"].health[1]
    assert "aof_last_write_status:ok" in services["redis"].health[1]


def test_watcher_and_worker_wait_for_the_migration_and_for_healthy_servers(
    services: dict[str, Service],
) -> None:
    for name in ("watcher", "worker"):
        assert services[name].depends_on == {
            "migrate": "service_completed_successfully",
            "postgres": "service_healthy",
            "redis": "service_healthy",
        }


def test_only_the_watcher_sees_the_inbox_and_cannot_write_to_it(
    services: dict[str, Service],
) -> None:
    mounts = {
        (name, mount.read_only)
        for name, service in services.items()
        for mount in service.mounts
        if mount.target == "/inbox"
    }
    assert mounts == {("watcher", True)}


def test_inbox_and_state_are_volumes_or_folders_of_the_host() -> None:
    chosen = FILLED | {"METSEG_INBOX_PATH": "/mri/in", "METSEG_STATE_PATH": "/mri/state"}
    default, bound = load(COMPOSE_FILE, FILLED), load(COMPOSE_FILE, chosen)
    assert [mount.source for mount in default["watcher"].mounts] == ["inbox", "state"]
    assert [mount.source for mount in bound["watcher"].mounts] == ["/mri/in", "/mri/state"]
    assert [mount.source for mount in bound["worker"].mounts] == ["/mri/state"]


def test_passwords_are_on_no_command_line(services: dict[str, Service]) -> None:
    for service in services.values():
        words = " ".join((*service.command, *service.health))
        assert not any(password in words for password in FILLED.values())


def test_a_worker_has_time_to_hand_back_its_study_and_a_limit_of_memory(
    services: dict[str, Service],
) -> None:
    worker = services["worker"].raw
    assert int(worker["stop_grace_period"].removesuffix("s")) > 30
    assert worker["mem_limit"] == "4g"


def test_the_gpu_file_gives_the_worker_a_device_and_the_cuda_image() -> None:
    services = load(GPU_FILE, {})
    assert set(services) == {"worker"}
    raw = services["worker"].raw
    assert raw["build"]["args"] == {"ACCELERATOR": "cuda"}
    assert raw["environment"]["METSEG_DEVICE"] == "gpu"
    (device,) = raw["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert device["count"] == "all"


def test_docker_compose_itself_reads_both_files(tmp_path: Path) -> None:
    command = _compose_command()
    env_file = tmp_path / "filled.env"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in FILLED.items()))
    arguments = ["--env-file", str(env_file), "-f", str(COMPOSE_FILE), "-f", str(GPU_FILE)]
    done = subprocess.run(
        [*command, *arguments, "config", "--format", "json"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["services"]) == {"redis", "postgres", *OURS}


def _compose_command() -> list[str]:
    """`docker compose`, or skip where the plug-in is not installed."""
    docker = shutil.which("docker")
    if docker is None:
        pytest.skip("docker is not installed")
    if subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("docker has no compose plug-in here")
    return [docker, "compose"]
