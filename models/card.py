"""The weights card: one JSON file that says what an ensemble is made of and how its answers are
read.

No deep-learning library is needed to read it, so a watcher can name the model version.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from imaging.lesions.rule import CandidateClassifier, LesionRule
from metseg.disk import replace_text
from metseg.errors import WeightsError


@dataclass(frozen=True, slots=True)
class Member:
    """One network of an ensemble.

    Parameters
    ----------
    network
        A name that `models.networks.build.build` knows.
    depths
        Depths of U-Net++ whose answers are averaged; None: all of them, or a network that has one
        answer. The deepest decides how much of the network runs.
    stored_depths
        Depths in the weights file, those that may be averaged; None: no others than `depths`.
    outputs
        2: lesion and brain; 1: lesion only.
    file
        Weights file beside the card.
    sha256
        Of that file, 64 hexadecimal digits.
    temperature
        Logits are divided by it; above 0.
    """

    name: str
    network: str
    filters: tuple[int, ...]
    depths: tuple[int, ...] | None
    batch_norm: bool
    file: str
    sha256: str
    temperature: float = 1.0
    outputs: int = 1
    stored_depths: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.stored_depths is not None and not set(self.depths or ()) <= set(self.stored_depths):
            raise ValueError(f"depths must be among {self.stored_depths}, got {self.depths}")
        if Path(self.file).name != self.file:
            raise ValueError(f"file must be a name without folders, got {self.file!r}")
        if not self.temperature > 0:
            raise ValueError(f"temperature must be greater than 0, got {self.temperature}")


@dataclass(frozen=True, slots=True)
class Card:
    """A whole ensemble. `contract` holds the fields of `models.inputs.InputContract`.

    `seen` names the material that the weights were trained on, `measured` holds what the choice of
    weights and rule was based on.
    """

    name: str
    release: str
    members: tuple[Member, ...]
    contract: Mapping[str, Any]
    rule: LesionRule
    seen: Mapping[str, Any]
    measured: Mapping[str, Any]

    def __post_init__(self) -> None:
        if not self.members:
            raise ValueError("members must hold at least one network, got none")

    @property
    def version(self) -> str:
        """``{name}-{release}+{digest}``: 8 hexadecimal digits over all that can change a result."""
        parts = {
            "members": [asdict(member) for member in self.members],
            "contract": dict(self.contract),
            "rule": asdict(self.rule),
        }
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return f"{self.name}-{self.release}+{digest[:8]}"


def read_card(path: Path) -> Card:
    """Read and check a card.

    Raises
    ------
    WeightsError
        There is no such file, or it is not a card.
    """
    try:
        fields = json.loads(path.read_text())
        members = tuple(_member(item) for item in fields.pop("members"))
        rule = rule_from(fields.pop("rule"))
        return Card(members=members, rule=rule, **fields)
    except (OSError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise WeightsError(f"weights card must be readable, got {path.name}: {error}") from error


def write_card(path: Path, card: Card) -> None:
    """Write a card with its fields in their order, in whole or not at all."""
    replace_text(path, json.dumps(asdict(card), indent=2) + "\n")


def rule_from(fields: Mapping[str, Any]) -> LesionRule:
    """A lesion rule from its fields in JSON."""
    fields = dict(fields)
    numbers = fields.pop("candidate_classifier", None)
    if numbers is None:
        return LesionRule(**fields)
    numbers = {key: tuple(v) if isinstance(v, list) else v for key, v in numbers.items()}
    return LesionRule(candidate_classifier=CandidateClassifier(**numbers), **fields)


def _member(fields: dict[str, Any]) -> Member:
    lists = ("filters", "depths", "stored_depths")
    tuples = {name: tuple(fields.pop(name)) for name in lists if fields.get(name) is not None}
    return Member(**fields | tuples)
