"""From trained networks to an ensemble in the box: temperatures, rule, gate, card."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.lesions import LesionRule
from imaging.resample import to_native
from metseg.errors import MetsegError
from models.averaging import predict_slices
from models.card import Card, Member, file_sha256
from models.engines import Engine, calibrate
from models.inputs import InputContract, prepare
from models.networks import build
from models.training.calibration import fit_temperature
from models.training.evaluation import HeadScore, score_head, summarise
from models.training.material import HeldOut, Use
from models.training.thresholds import GROW, Candidates, candidates, choose_rule

# One voxel in so many goes into the fit of a temperature: neighbours say the same.
_THINNING = 8

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """A held-out head and each member's raw probabilities, float16, on the head's own grid."""

    head: HeldOut
    raw: Mapping[str, NDArray[np.float16]]


class GateError(MetsegError):
    """The ensemble is worse than its best member on the heads for choosing."""

    code = "ensemble_gate"


def read_member(run: Path, weights: Path, *, heads: tuple[int, ...] | None = None) -> Member:
    """Put the averaged weights of a finished run beside the card; temperature still 1.

    `heads` are the U-Net++ heads to average, by default all. Only they are written, and nothing of
    the optimizer.
    """
    facts = json.loads((run / "run.json").read_text())
    filters = tuple(facts["filters"])
    trained = build(facts["network"], filters=filters)
    trained.load_weights(run / "average.weights.h5")
    model = build(facts["network"], filters=filters, heads=heads)
    for layer in model.layers:
        layer.set_weights(trained.get_layer(layer.name).get_weights())
    file = f"{facts['network']}.weights.h5"
    model.save_weights(weights / file)
    return Member(
        name=facts["network"],
        network=facts["network"],
        filters=filters,
        heads=heads,
        batch_norm=True,
        file=file,
        sha256=file_sha256(weights / file),
    )


def answer(
    heads: Iterable[HeldOut], engines: Sequence[Engine], contract: InputContract, *, say: Say
) -> list[Answered]:
    """Show every head to every member once."""
    answered = []
    for head in heads:
        prepared = prepare(head.volume, contract)
        raw = {}
        for engine in engines:
            probability = predict_slices(engine, prepared.normalised, prepared.clahe)
            native = to_native(probability, prepared.grid, corner=prepared.corner)
            raw[engine.name] = native.astype(np.float16)
        answered.append(Answered(head, raw))
        say(f"answered {head.source} {head.name}")
    return answered


def temperatures(answered: Sequence[Answered]) -> dict[str, float]:
    """The temperature of each member, from the heads for choosing."""
    choosing = [item for item in answered if item.head.use is Use.CHOOSING]
    truth = np.concatenate([item.head.reference.ravel()[::_THINNING] for item in choosing])
    result = {}
    for name in choosing[0].raw:
        p = np.concatenate([item.raw[name].ravel()[::_THINNING] for item in choosing])
        result[name] = round(fit_temperature(p.astype(np.float32), truth), 3)
    return result


def mean_of(item: Answered, temperature: Mapping[str, float]) -> NDArray[np.float32]:
    """Mean of the calibrated probabilities of the members that have a temperature."""
    members = [
        calibrate(item.raw[name].astype(np.float32), value) for name, value in temperature.items()
    ]
    return np.asarray(np.mean(members, axis=0), dtype=np.float32)


def best_rule(
    answered: Sequence[Answered], temperature: Mapping[str, float]
) -> tuple[LesionRule, float]:
    """The rule of most merit for these members on the heads for choosing."""
    choosing = [item for item in answered if item.head.use is Use.CHOOSING]
    found: list[dict[float, Candidates]] = []
    for item in choosing:
        mean = mean_of(item, temperature)
        found.append(
            {
                grow: candidates(
                    mean,
                    item.head.reference,
                    source=item.head.source,
                    grow=grow,
                    voxel_mm3=item.head.volume.voxel_volume_mm3,
                )
                for grow in GROW
            }
        )
    return choose_rule(found)


def pass_gate(merits: Mapping[str, float], *, ensemble: float) -> None:
    """Refuse an ensemble that is worse than its best member.

    Raises
    ------
    GateError
        It is.
    """
    best = max(merits, key=lambda name: merits[name])
    if ensemble < merits[best]:
        raise GateError(
            f"ensemble merit must be at least that of its best member, {best} {merits[best]:.4f}, "
            f"got {ensemble:.4f}"
        )


def finish(
    answered: Sequence[Answered],
    members: Sequence[Member],
    *,
    name: str,
    release: str,
    contract: InputContract,
    seen: Mapping[str, Any],
    say: Say,
) -> tuple[Card, list[HeadScore]]:
    """Fit temperatures, choose the rule, pass the gate and measure."""
    fitted = temperatures(answered)
    say(f"temperatures {fitted}")
    alone = {}
    for member in members if len(members) > 1 else ():
        rule, alone[member.name] = best_rule(answered, {member.name: fitted[member.name]})
        say(f"{member.name} alone: merit {alone[member.name]:.4f} with {rule}")
    rule, merit = best_rule(answered, fitted)
    say(f"ensemble: merit {merit:.4f} with {rule}")
    if alone:
        pass_gate(alone, ensemble=merit)
    scores = []
    for item in answered:
        scores.append(score_head(item.head, mean_of(item, fitted), rule))
        say(scores[-1].line())
    measured = {
        "merit_on_choosing_heads": {"ensemble": round(merit, 4)}
        | {key: round(value, 4) for key, value in alone.items()},
        "groups": summarise(scores),
        "heads": [asdict(score) for score in scores],
    }
    card = Card(
        name=name,
        release=release,
        members=tuple(replace(m, temperature=fitted[m.name]) for m in members),
        contract=asdict(contract),
        rule=rule,
        seen=seen,
        measured=measured,
    )
    return card, scores
