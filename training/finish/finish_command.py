"""From a folder of finished runs to weights in a folder."""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from metseg.errors import ConfigurationError
from models.card import Card, Member, write_card
from models.engines.choice import load_engines
from models.inputs import InputContract
from training.data.material import HeldOut, case_names, real_heads, synthetic_heads
from training.finish.answers import Answer, Say, ask
from training.finish.finishing import finish
from training.finish.members import read_member
from training.fit.fit import AVERAGE
from training.split import FOLDS, clear_gliomas, is_faint

NETWORKS = ("attention_unet", "unet_plus_plus")
# Which depths of U-Net++ are averaged; None: all. docs/training.md has the comparison.
DEPTHS: dict[str, tuple[int, ...] | None] = {"attention_unet": None, "unet_plus_plus": (4,)}
# Parts whose networks answer; the base is only a start.
_ASKED = (*(f"fold{fold}" for fold in range(FOLDS)), "final")
LABEL_MAPS = "SynthSeg training_seg_01 to 17"
SLICES = "Cheng 2017, numbers 1 to 2560"
# The cheaper network answers the whole head, the other one only where that finds something.
SCOUT = "attention_unet"


def finish_command(
    *, runs: Path, heads: Path, data: Path, weights: Path, name: str, release: str, say: Say
) -> Card:
    """Make an ensemble of the final runs, judged with the help of the runs of each fold.

    Parameters
    ----------
    runs
        Holds ``base_NETWORK``, ``fold0_NETWORK`` to ``fold2_NETWORK`` and ``final_NETWORK``, as
        ``make crossvalidate`` leaves them. Its ``answers`` keeps the networks' answers.
    heads
        Synthetic heads for choosing.
    data
        The shared data: ``glioma/`` and ``negatives/``.
    weights
        Gets weights files and ``{name}.json``.

    Raises
    ------
    ConfigurationError
        A run is missing or not finished.
    GateError
        The ensemble is worse than its best member: no card is written.
    """
    _require_finished(runs)
    weights.mkdir(parents=True, exist_ok=True)
    contract = _contract(runs)
    members = _members(runs, "final", weights)
    pool = list(_pool(runs, members, weights, heads, data, contract, say))
    card, _ = finish(
        pool,
        members,
        name=name,
        release=release,
        contract=contract,
        seen=_seen(runs, data),
        say=say,
    )
    write_card(weights / f"{name}.json", card)
    say(f"{card.version} in {weights}")
    return card


def answers_of(
    members: Sequence[Member],
    weights: Path,
    heads: Iterator[HeldOut],
    contract: InputContract,
    *,
    kept: Path | None,
    say: Say,
    fold: int | None = None,
) -> Iterator[Answer]:
    """Uncalibrated answers of members to heads, kept under the hashes of their weights."""
    engines = load_engines(members, weights, device="cpu").networks
    named = hashlib.sha256("".join(member.sha256 for member in members).encode()).hexdigest()[:12]
    folder = None if kept is None else kept / named
    return ask(heads, engines, contract, say=say, fold=fold, kept=folder)


def _pool(
    runs: Path,
    members: Sequence[Member],
    weights: Path,
    heads: Path,
    data: Path,
    contract: InputContract,
    say: Say,
) -> Iterator[Answer]:
    """Synthetic heads answered by the final members, real ones by those of their fold."""
    kept = runs / "answers"
    yield from answers_of(members, weights, synthetic_heads(heads), contract, kept=kept, say=say)
    for fold in range(FOLDS):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            others = _members(runs, f"fold{fold}", folder)
            real = real_heads(data, fold=fold)
            yield from answers_of(others, folder, real, contract, kept=kept, say=say, fold=fold)


def _require_finished(runs: Path) -> None:
    """Refuse a missing run before, and not after, hours of answering."""
    for run in _run_folders(runs, *_ASKED):
        if not (run / AVERAGE).exists():
            raise ConfigurationError(f"runs must hold a finished {run.name}, it does not")


def _members(runs: Path, part: str, folder: Path) -> list[Member]:
    found = zip(NETWORKS, _run_folders(runs, part), strict=True)
    return [read_member(run, folder, depths=DEPTHS[network]) for network, run in found]


def _contract(runs: Path) -> InputContract:
    facts = _facts(runs / f"final_{NETWORKS[0]}")
    return InputContract(
        clahe_clip=facts["clahe_clip"], multiplanar=facts["mix"]["sideways"] > 0, scout=SCOUT
    )


def _seen(runs: Path, data: Path) -> dict[str, Any]:
    gliomas, negatives = (case_names(data / name) for name in ("glioma", "negatives"))
    return {
        "material": {
            "labelmaps": LABEL_MAPS,
            "gliomas": clear_gliomas(gliomas),
            "negatives": negatives,
            "slices": SLICES,
            "never": {"gliomas": [name for name in gliomas if is_faint(name)]},
        },
        "runs": [_run(run) for run in _run_folders(runs, "base", *_ASKED) if run.is_dir()],
    }


def _run_folders(runs: Path, *parts: str) -> Iterator[Path]:
    """The parts of the first network, then those of the next."""
    return (runs / f"{part}_{network}" for network in NETWORKS for part in parts)


def _run(run: Path) -> dict[str, Any]:
    """The part of a run that the card holds: its recipe without folders, and what it reached."""
    facts = _facts(run)
    kept = ("network", "filters", "batch", "crop", "seed", "precision", "miss_weight", "mix")
    return {
        "run": run.name,
        **{key: facts[key] for key in kept},
        "on_from": facts["start"] and Path(facts["start"]).parent.name,
        "peak_rate": facts["schedule"]["peak"],
        "fold": facts["material"]["fold"],
        **facts["reached"],
    }


def _facts(run: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((run / "run.json").read_text())
    return facts
