"""Ensembles by name: ``standard``, a card among the shipped weights or in another folder, or
``package.module:factory``.

A factory is called with the keywords ``weights_dir``, ``flip`` and ``device`` and returns a
`models.ensemble.Ensemble`. Its attribute ``version`` is that of the ensemble, so that jobs can be
named without loading networks. No network library is imported here.
"""

import importlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metseg.disk import sha256_of
from metseg.errors import ConfigurationError, WeightsError
from models.card import Card, read_card
from models.ensemble import Ensemble

SHIPPED_WEIGHTS = Path(__file__).parent / "weights"
MODEL_CARD = "model-card.json"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# By name only: an import statement, even inside a function, would tie the watcher to the network
# library.
_NETWORKS = "models.averaging"
# Read by TensorFlow when it is imported. By default it uses oneDNN only on processors with
# AVX512-VNNI or AMX; it is faster with it on others too (`make bench-onednn`).
_TENSORFLOW = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"}


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A weights file, as the card describes it and as found; `sha256_found` is None if missing."""

    path: Path
    sha256_expected: str
    sha256_found: str | None

    @property
    def ok(self) -> bool:
        """Whether the file is the one that the card describes."""
        return self.sha256_found == self.sha256_expected


def model_version(name: str, weights_dir: Path | None = None) -> str:
    """The version that results of this ensemble carry. Reads the card only, not the weights.

    Raises
    ------
    ConfigurationError
        No ensemble can have this name, or its factory is not there.
    WeightsError
        There is no such card.
    """
    if ":" in name:
        return str(_factory(name).version)
    return _card(name, weights_dir)[0].version


def short_model_card(name: str, weights_dir: Path | None = None) -> list[str]:
    """A few lines on what the weights have seen and what was measured; empty where the model card
    is missing or describes other weights.
    """
    if ":" in name:
        return []
    card, folder = _card(name, weights_dir)
    try:
        said = json.loads((folder / MODEL_CARD).read_text())
        return [str(line) for line in said["short"]] if said["version"] == card.version else []
    except (OSError, ValueError, KeyError, TypeError):
        return []


def describe(name: str, weights_dir: Path | None = None) -> list[WeightsFile]:
    """The weights files of an ensemble, hashed; empty for a factory. Raises as `model_version`."""
    if ":" in name:
        return []
    card, folder = _card(name, weights_dir)
    files = []
    for member in card.members:
        path = folder / member.file
        found = sha256_of(path) if path.is_file() else None
        files.append(WeightsFile(path, member.sha256, found))
    return files


def check_weights(name: str, weights_dir: Path | None = None) -> None:
    """Hash the weights files of an ensemble; a factory is only looked up.

    Raises
    ------
    ConfigurationError, WeightsError
        As `model_version`; or a weights file is missing or not the one of the card.
    """
    model_version(name, weights_dir)
    for file in describe(name, weights_dir):
        if not file.ok:
            raise WeightsError(
                f"weights file {file.path.name} must have SHA-256 {file.sha256_expected}, "
                f"got {file.sha256_found or 'no file'}"
            )


def load_ensemble(
    name: str,
    *,
    weights_dir: Path | None = None,
    flip: bool = False,
    device: str = "auto",
    engine: str = "auto",
    cache: Path | None = None,
    memory_mib: int | None = None,
) -> Ensemble:
    """Load an ensemble, its weights checked against the card first.

    Parameters
    ----------
    flip
        Average with the prediction for the mirrored head.
    device
        ``auto``, ``cpu`` or ``gpu``.
    engine, cache, memory_mib
        See `models.engines.choice.load_engines`; not passed to a factory.

    Raises
    ------
    ConfigurationError, WeightsError
        As `model_version`; or a weights file is missing or not the one of the card.
    DeviceError
        There is no such device.
    """
    if ":" in name:
        made: Ensemble = _factory(name)(weights_dir=weights_dir, flip=flip, device=device)
        return made
    card, folder = _card(name, weights_dir)
    check_weights(name, weights_dir)
    networks = import_quietly(_NETWORKS)
    loaded: Ensemble = networks.NetworkEnsemble.load(
        card, folder, flip=flip, device=device, engine=engine, cache=cache, memory_mib=memory_mib
    )
    return loaded


def device_names() -> list[str]:
    """The devices that networks can run on; imports Keras."""
    names: list[str] = import_quietly("models.engines.keras_engine").device_names()
    return names


def import_quietly(module: str) -> Any:
    """Import a module that imports TensorFlow, with our defaults for it and without its messages.

    Its C++ code writes about missing CUDA to file descriptor 2 before it reads its own log level.
    """
    for name, value in _TENSORFLOW.items():
        os.environ.setdefault(name, value)
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        return importlib.import_module(module)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _card(name: str, weights_dir: Path | None) -> tuple[Card, Path]:
    """The card and its folder."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"ensemble must be a name or package.module:factory, got {name!r}")
    folder = weights_dir or SHIPPED_WEIGHTS
    return read_card(folder / f"{name}.json"), folder


def _factory(name: str) -> Any:
    """The attribute that ``package.module:factory`` names."""
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(f"ensemble must be importable, got {name!r}: {error}") from error
