"""Reads a compose file as `docker compose` does: interpolation, values from .env, services."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.helpers.places import ROOT

COMPOSE_FILE = ROOT / "docker-compose.yml"
GPU_FILE = ROOT / "docker-compose.gpu.yml"
EXAMPLE_ENV = ROOT / "example.env"

_REFERENCE = re.compile(
    r"\$(?:(?P<dollar>\$)|(?P<bare>[A-Za-z_]\w*)"
    r"|\{(?P<name>[A-Za-z_]\w*)(?:(?P<rule>:?[-?])(?P<text>[^}]*))?\}|(?P<wrong>))"
)


class RefusedError(Exception):
    """Compose would refuse: a variable that must have a value has none."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One entry of `volumes` in its short form."""

    source: str
    target: str
    read_only: bool


@dataclass(frozen=True, slots=True)
class Service:
    """One service, interpolated. `raw` is its whole mapping."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    mounts: tuple[Mount, ...]
    health: tuple[str, ...]
    depends_on: Mapping[str, str]
    raw: Mapping[str, Any]


def interpolate(text: str, values: Mapping[str, str]) -> str:
    """Replace ``$$``, ``$A``, ``${A}``, ``${A-b}``, ``${A:-b}``, ``${A?b}`` and ``${A:?b}``.

    Raises
    ------
    RefusedError
        A variable with ``?`` is not set (``:?``: or is empty).
    ValueError
        Any other form after a dollar.
    """

    def value(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        if match["wrong"] is not None:
            raise ValueError(f"text must have a known form after each dollar, got {text!r}")
        return _lookup(match["bare"] or match["name"], match["rule"], match["text"], values)

    return _REFERENCE.sub(value, text)


def _lookup(name: str, rule: str | None, text: str | None, values: Mapping[str, str]) -> str:
    """The value of one variable by the rule that follows its name."""
    found = values.get(name)
    missing = not found if rule and rule.startswith(":") else found is None
    if rule and missing and rule.endswith("?"):
        raise RefusedError(f"{name}: {text}")
    if rule and missing:
        return text or ""
    return found or ""


def read_env(path: Path) -> dict[str, str]:
    """NAME=value lines of an env file; comments and empty lines are skipped."""
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def load(path: Path, values: Mapping[str, str]) -> dict[str, Service]:
    """Every service of a compose file, interpolated with the values of an env file.

    Raises
    ------
    RefusedError
        As `docker compose` would refuse.
    """
    document: Any = _resolve(yaml.safe_load(path.read_text()), values)
    return {name: _service(name, raw, values) for name, raw in document["services"].items()}


def _resolve(node: Any, values: Mapping[str, str]) -> Any:
    """Interpolate every string value; keys stay as they are."""
    if isinstance(node, dict):
        return {key: _resolve(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [_resolve(value, values) for value in node]
    return interpolate(node, values) if isinstance(node, str) else node


def _service(name: str, raw: Mapping[str, Any], values: Mapping[str, str]) -> Service:
    """A name without a value in `environment` comes from the env file or stays unset."""
    given = {**raw.get("environment", {})}
    passed = {key: values.get(key) if value is None else value for key, value in given.items()}
    waits = raw.get("depends_on", {})
    return Service(
        name=name,
        command=tuple(raw.get("command", ())),
        environment={key: str(value) for key, value in passed.items() if value is not None},
        mounts=tuple(_mount(text) for text in raw.get("volumes", ())),
        health=tuple(raw.get("healthcheck", {}).get("test", ())),
        depends_on={other: rule["condition"] for other, rule in waits.items()},
        raw=raw,
    )


def _mount(text: str) -> Mount:
    """``source:target`` or ``source:target:ro``."""
    source, target, *options = text.split(":")
    return Mount(source, target, read_only="ro" in options)
