"""From trained networks to an ensemble: temperatures, rule, gate, cross-validation, card."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.lesions.candidates import Evidence
from imaging.lesions.find import find_lesions
from imaging.lesions.lesion import Lesion
from imaging.lesions.rule import LesionRule
from imaging.metrics.evaluate import evaluate
from metseg.errors import MetsegError
from models.card import Card, Member
from models.inputs import InputContract
from training.data.material import Group, HeldOut
from training.finish.answers import Answer, Say, evidence_of
from training.finish.calibration import fit_temperature
from training.finish.evaluation import Row
from training.finish.fates import Fate, fates
from training.finish.thresholds import GROW, Table, choose_rule, tabulate
from training.split import FOLDS

ENSEMBLE = "ensemble"

# One voxel in eight goes into the fit of a temperature: neighbours are alike.
_THINNING = 8

# Tables of every head of the pool, in its order, by grow threshold.
Tables = dict[float, list[Table]]


class GateError(MetsegError):
    """The ensemble is worse than its best member on the heads for choosing."""

    code = "ensemble_gate"


@dataclass(frozen=True, slots=True)
class Subject:
    """The ensemble or one member alone: the networks that take part, its rule and its merit."""

    name: str
    temperatures: Mapping[str, float]
    rule: LesionRule
    merit: float


def temperatures(pool: Sequence[Answer]) -> dict[str, float]:
    """The temperature of each network, from the heads that no training ever sees."""
    choosing = [answer for answer in pool if answer.fold is None]
    truth = np.concatenate([one.head.reference.ravel()[::_THINNING] for one in choosing])
    result = {}
    for name in choosing[0].raw:
        p = np.concatenate([one.raw[name].ravel()[::_THINNING] for one in choosing])
        result[name] = round(fit_temperature(p.astype(np.float32), truth), 3)
    return result


def subjects(fitted: Mapping[str, float]) -> Iterator[tuple[str, dict[str, float]]]:
    """The ensemble, then each member alone, with the temperatures of those that take part."""
    yield ENSEMBLE, dict(fitted)
    for name, value in fitted.items():
        yield name, {name: value}


def tables_of(pool: Sequence[Answer], taking_part: Mapping[str, float]) -> Tables:
    """The candidates of every head at every grow threshold."""
    tables: Tables = {grow: [] for grow in GROW}
    for answer in pool:
        evidence = evidence_of(answer, taking_part)
        for grow, heads in tables.items():
            heads.append(
                tabulate(
                    evidence,
                    answer.head.reference,
                    side=answer.head.group.side,
                    grow=grow,
                )
            )
    return tables


def without_fold(pool: Sequence[Answer], tables: Tables, fold: int) -> Tables:
    """The tables of heads that are not held out in `fold`."""
    return {
        grow: [table for answer, table in zip(pool, heads, strict=True) if answer.fold != fold]
        for grow, heads in tables.items()
    }


def pass_gate(merits: Mapping[str, float]) -> None:
    """Refuse an ensemble that is worse than its best member.

    Raises
    ------
    GateError
        Its merit is below the best of its members.
    """
    best = max(merits, key=lambda name: merits[name])
    if merits[ENSEMBLE] < merits[best]:
        raise GateError(
            f"ensemble merit must be at least that of its best member, {best} {merits[best]:.4f}, "
            f"got {merits[ENSEMBLE]:.4f}"
        )


def cross_validate(pool: Sequence[Answer], tables: Tables) -> Iterator[tuple[Answer, LesionRule]]:
    """Every real head, as answered by networks that never saw it, with a rule that was chosen
    without its fold.
    """
    for fold in range(FOLDS):
        held_out = [answer for answer in pool if answer.fold == fold]
        if held_out:
            rule, _ = choose_rule(without_fold(pool, tables, fold))
            yield from ((answer, rule) for answer in held_out)


def validated(
    pool: Sequence[Answer], subject: str, taking_part: Mapping[str, float], tables: Tables
) -> Iterator[tuple[Row, list[Fate]]]:
    """Every real head, measured in `cross_validate`; for the ensemble also what became of each
    lesion where lesions were drawn into it.
    """
    for answer, rule in cross_validate(pool, tables):
        evidence = evidence_of(answer, taking_part)
        row = measure(answer.head, subject, judge(evidence, rule)[0])
        drawn = subject == ENSEMBLE and answer.head.group is Group.IMPLANT
        yield row, fates(evidence, answer.head.reference, rule) if drawn else []


def judge(evidence: Evidence, rule: LesionRule) -> tuple[NDArray[np.uint16], list[Lesion]]:
    """Labels and lesions under a rule."""
    labels, lesions, _ = find_lesions(
        evidence.mean,
        evidence.volume,
        rule,
        members=evidence.members,
        brain=evidence.brain,
    )
    return labels, lesions


def measure(head: HeldOut, name: str, labels: NDArray[np.uint16]) -> Row:
    """Compare the labels that a subject gave a head with the head's reference. In a real
    full head only false lesions count: marks that touch its abnormality are left out.
    """
    reference = head.reference
    if head.group is Group.WHOLE:
        touching = np.unique(labels[reference])
        labels = np.where(np.isin(labels, touching), 0, labels).astype(np.uint16)
        reference = np.zeros_like(reference)
    return Row(head.name, head.group, name, evaluate(labels, reference, head.volume))


def finish(
    pool: Sequence[Answer],
    members: Sequence[Member],
    *,
    name: str,
    release: str,
    contract: InputContract,
    seen: Mapping[str, Any],
    say: Say,
) -> tuple[Card, list[Row]]:
    """Fit temperatures, choose rules, pass the gate, and cross-validate on the real heads.

    `pool` holds synthetic heads for choosing, answered by the networks that are shipped, and real
    heads, each answered by networks of its fold.
    """
    fitted = temperatures(pool)
    say(f"temperatures {fitted}")
    chosen, rows = [], []
    implanted: list[Fate] = []
    for subject, taking_part in subjects(fitted):
        tables = tables_of(pool, taking_part)
        rule, reached = choose_rule(tables)
        say(f"{subject}: merit {reached:.4f} with {rule}")
        chosen.append(Subject(subject, taking_part, rule, reached))
        for row, ends in validated(pool, subject, taking_part, tables):
            say(row.line())
            rows.append(row)
            implanted += ends
    pass_gate({subject.name: subject.merit for subject in chosen})
    card = Card(
        name=name,
        release=release,
        members=tuple(replace(m, temperature=fitted[m.name]) for m in members),
        contract=asdict(contract),
        rule=chosen[0].rule,
        seen=seen,
        measured={
            "merit": {subject.name: round(subject.merit, 4) for subject in chosen},
            "rules": {subject.name: asdict(subject.rule) for subject in chosen},
            "cross_validation": [row.entry() for row in rows],
            "implanted_lesions": [astuple(one) for one in implanted],
        },
    )
    return card, rows
