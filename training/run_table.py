"""Finished runs as rows of a Markdown table: steps, minutes and what was reached."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from training.data.cases import Source
from training.fit.journal import VALIDATION

_COLUMNS = (
    "run",
    "steps",
    "minutes",
    "gliomas: Dice, found, false",
    "tumour-free brain: false",
    "synthetic: Dice, found, false",
)


def run_table(runs: Path) -> Iterator[str]:
    """Header, and a row for each finished run in `runs`, in the order in which they ended.

    Dice is the mean over heads with lesions, found the share of all their lesions, false the mean
    number of false components per head, all of the last validation.
    """
    yield _line(_COLUMNS)
    yield _line(["---"] * len(_COLUMNS))
    for facts in sorted(runs.glob("*/run.json"), key=lambda path: path.stat().st_mtime):
        validations = facts.with_name(VALIDATION)
        if validations.exists():
            last = json.loads(validations.read_text().splitlines()[-1])
            yield _line(_cells(facts.parent.name, last))


def _cells(name: str, record: Mapping[str, Any]) -> list[str]:
    reached = record["summary"]
    return [
        name,
        f"{record['step']:,}",
        f"{record['minutes']:.1f}",
        *(_cell(reached, kind) for kind in (Source.TUMOUR, Source.NEGATIVE, Source.SYNTHETIC)),
    ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(reached: Mapping[str, float], kind: Source) -> str:
    shown = [
        f"{reached[f'{measure}_{kind}']:.{digits}f}"
        for measure, digits in (("dice", 3), ("sensitivity", 2), ("false", 1))
        if f"{measure}_{kind}" in reached
    ]
    return ", ".join(shown) or "-"
