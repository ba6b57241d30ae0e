"""The weights on heads that no choice has seen: accuracy page and model card."""

import json
import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from imaging.lesions.rule import LesionRule
from models.card import Card, read_card, rule_from
from models.catalogue import MODEL_CARD
from models.engines.choice import engine_in_use
from models.inputs import InputContract
from training.data.material import Group, faint_heads, full_heads, synthetic_heads
from training.finish.answers import Answer, Say, evidence_of
from training.finish.evaluation import Row, row_from
from training.finish.fates import Fate, fates
from training.finish.finish_command import answers_of
from training.finish.finishing import ENSEMBLE, judge, measure, subjects
from training.report.accuracy import accuracy_entry
from training.report.accuracy_page import Findings, accuracy_page
from training.report.fate_tables import fate_counts, marked_by_conspicuity
from training.report.model_card import facts, model_card
from training.report.pictures import Gallery

COMMAND = "make evaluate"


def report_command(
    *, heads: Path, data: Path, weights: Path, name: str, docs: Path, kept: Path | None, say: Say
) -> list[Row]:
    """Measure an ensemble and each member alone, and write pages and model card.

    Parameters
    ----------
    heads
        Synthetic heads of the label maps for reporting.
    data
        The shared data, for the gliomas that hardly enhance.
    weights
        Weights and card; gets ``README.md`` and ``model-card.json``.
    docs
        Gets ``accuracy.md``, ``accuracy.json`` and pictures.
    kept
        Folder that keeps the networks' answers, so that a second call is fast; None: keep nothing.

    Returns
    -------
    A row for each head and subject; the rows of the cross-validation are those of the card.
    """
    card = read_card(weights / f"{name}.json")
    gallery = Gallery()
    findings = Findings(
        rows=[row_from(entry) for entry in card.measured["cross_validation"]],
        implanted=[Fate(*values) for values in card.measured["implanted_lesions"]],
        machine=f"{len(os.sched_getaffinity(0))} cores, {engine_in_use('auto', 'cpu')}",
    )
    for answer in _answers(card, heads, data, weights, kept, say):
        if answer.seconds is not None:
            findings.times.append((answer.head.group, answer.seconds))
        for row in measured(card, answer, gallery, findings.synthetic):
            say(row.line())
            findings.rows.append(row)
    findings.shown.extend(gallery.write(docs))
    rows = findings.rows
    (docs / "accuracy.md").write_text(accuracy_page(card, findings, COMMAND))
    entry = accuracy_entry(card, rows, COMMAND) | {
        "synthetic_lesions": _ended(findings.synthetic),
        "implanted_lesions": _ended(findings.implanted),
    }
    (docs / "accuracy.json").write_text(json.dumps(entry, indent=1) + "\n")
    (weights / MODEL_CARD).write_text(json.dumps(facts(card, rows), indent=2) + "\n")
    (weights / "README.md").write_text(model_card(card, rows, COMMAND))
    return rows


def measured(card: Card, answer: Answer, gallery: Gallery, ends: list[Fate]) -> Iterator[Row]:
    """A row of a head for the ensemble and each member alone, each under the rule chosen for it.

    The ensemble's labels of a synthetic head are offered to `gallery`, and the ends of its lesions
    are added to `ends`.
    """
    rules: dict[str, LesionRule] = {
        subject: rule_from(fields) for subject, fields in card.measured["rules"].items()
    }
    fitted = {member.name: member.temperature for member in card.members}
    for subject, taking_part in subjects(fitted):
        evidence = evidence_of(answer, taking_part)
        labels, lesions = judge(evidence, rules[subject])
        row = measure(answer.head, subject, labels)
        if subject == ENSEMBLE and answer.head.group in (Group.FULL, Group.STRIPPED):
            gallery.offer(row, answer.head, labels, lesions)
            ends += fates(evidence, answer.head.reference, rules[subject])
        yield row


def _ended(ends: Sequence[Fate]) -> dict[str, Any]:
    conspicuities = marked_by_conspicuity(ends)
    return {
        "ends": fate_counts(ends),
        "marked_by_conspicuity": {
            name: {one.name: [one.found, one.lesions] for one in bins}
            for name, bins in conspicuities.items()
        },
    }


def _answers(
    card: Card, heads: Path, data: Path, weights: Path, kept: Path | None, say: Say
) -> Iterator[Answer]:
    unseen = chain(synthetic_heads(heads), faint_heads(data), full_heads(data))
    contract = InputContract.of(card.contract)
    return answers_of(card.members, weights, unseen, contract, kept=kept, say=say)
