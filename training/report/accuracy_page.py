"""`docs/accuracy.md`, from measured heads and pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from metseg.notice import RESEARCH_NOTICE
from models.card import Card
from training.data.material import Group
from training.finish.evaluation import Row
from training.finish.fates import Fate
from training.report.accuracy import head_table, measure_table, size_table, target_table
from training.report.fate_tables import (
    conspicuity_table,
    fate_counts,
    fate_table,
    marked_by_conspicuity,
)
from training.report.pictures import Shown

_HEAD = """# Accuracy of {version}

**{notice}.** Written by `{command}`; do not edit by hand.
[accuracy.json](accuracy.json) holds every head but those of the cross-validation, which are in the
card, `models/weights/{name}.json`.

Kinds of heads, never pooled:

- **Synthetic** heads, drawn from two label maps (SynthSeg 19 and 20) that no weights and no choice
  have seen, full and skull-stripped. They show how size, conspicuity and clutter matter; a
  synthetic number is no promise for patients.
- **Real** scans by three-fold cross-validation: each by networks that never saw it, under a lesion
  rule chosen without it. {gliomas} BraTS gliomas (target: tumour core, labels 1 and 4) and
  {negatives} brains with multiple sclerosis and no tumour. Gliomas are far larger than most
  metastases. These rows are of the card (`make crossvalidate` makes them again); the shipped
  weights have seen all of them.
- **Real scans with lesions drawn into them**, cross-validated alike: the same scans, in each nine
  solid lesions of 3 to 15 mm, as bright as its own tumour (`training/data/implanting.py`).
  Background, noise and blur are real, the lesions are not. The scan's own tumour, where it
  has one, is counted with them in all tables.
- **Real gliomas that hardly enhance**, which no weights ever see, answered by the shipped
  weights. They hardly show what the networks look for.
- **Real full heads**: TCGA-LGG after contrast agent (Buda 2019), skull and all, which no weights
  ever see, answered by the shipped weights. Only false lesions are counted: what is marked away
  from the FLAIR abnormality.

A lesion is a 26-connected component of the reference; predicted and reference lesions are paired
one to one for the greatest sum of Dice, the others are missed or false (BraTS-METS 2025,
[measures.md](measures.md)). Dice, surface Dice (1 mm) and HD95 are given as mean, median (SD) over
heads with lesions; counts are sums over heads.
"""


_SHORT = """
Where a number is short, the [training diary](history/training-diary.md) says what was tried.
"""

_ENDS = """
## What became of each synthetic lesion, by equivalent diameter

By the ensemble. Marked: touched by a lesion that was kept, so found, or merged with a neighbour.
The others were candidates that were dropped for the reason given ([networks.md](networks.md)), or
were nowhere probable enough to be one. The database has dropped candidates too, with their reason.
"""

_CONSPICUITY = """
## Lesions marked, by conspicuity and equivalent diameter

By the ensemble. Conspicuity: how far the brighter part of a lesion (third quartile) lies
above the median of what surrounds it, 1.5 to 4.5 mm from its edge, in standard deviations of that.
A ring whose rim is less than a quarter of it counts by its centre.

Synthetic heads:
"""

_TIME = """
## Seconds that the networks took

By the ensemble in whole, from a volume to probabilities, other work beside it or not: {machine}.
[benchmarks.md](benchmarks.md) compares.
"""

_IMPLANTED = """
Real scans with lesions drawn into them, cross-validated, their own tumours counted too:
"""


@dataclass(frozen=True, slots=True)
class Findings:
    """What the page shows: a row for each head and subject; what became of synthetic lesions and of
    those drawn into real scans; the seconds that the networks took, by head, and on what; pictures
    beside it.
    """

    rows: list[Row] = field(default_factory=list)
    synthetic: list[Fate] = field(default_factory=list)
    implanted: list[Fate] = field(default_factory=list)
    times: list[tuple[Group, float]] = field(default_factory=list)
    machine: str = ""
    shown: list[Shown] = field(default_factory=list)


def accuracy_page(card: Card, found: Findings, command: str) -> str:
    """Markdown."""
    parts = [
        _HEAD.format(
            notice=RESEARCH_NOTICE,
            name=card.name,
            version=card.version,
            command=command,
            gliomas=_heads(found.rows, Group.TUMOUR),
            negatives=_heads(found.rows, Group.NEGATIVE),
        ),
        "## Against what was to be reached\n",
        *target_table(found.rows),
        _SHORT,
        "## The ensemble and each member\n",
        *measure_table(found.rows),
        "\n## Lesions found, by equivalent diameter\n",
        *size_table(found.rows),
        _ENDS,
        *fate_table(fate_counts(found.synthetic)),
        _CONSPICUITY,
        *conspicuity_table(marked_by_conspicuity(found.synthetic)),
        _IMPLANTED,
        *conspicuity_table(marked_by_conspicuity(found.implanted)),
        "\n## Each real head, by the ensemble\n",
        *head_table(found.rows, Group.TUMOUR, Group.NEGATIVE, Group.FAINT),
        _TIME.format(machine=found.machine),
        *time_table(found.times),
        *_pictures(found.shown),
    ]
    return "\n".join(parts) + "\n"


def time_table(times: Sequence[tuple[Group, float]]) -> Iterator[str]:
    """Markdown: seconds of the networks for a head of each group."""
    yield "| heads | n | least | median | most |"
    yield "|---|--:|--:|--:|--:|"
    for group in Group:
        seconds = [spent for of, spent in times if of is group]
        if seconds:
            yield (
                f"| {group} | {len(seconds)} | {min(seconds):.1f} | {median(seconds):.1f} | "
                f"{max(seconds):.1f} |"
            )


def _heads(rows: Sequence[Row], group: Group) -> int:
    return len({row.head for row in rows if row.group is group})


def _pictures(shown: Sequence[Shown]) -> Iterator[str]:
    yield "\n## Good and bad cases\n"
    yield (
        "Synthetic heads, those of the highest and of the lowest Dice; orange: found, light blue:"
        " reference.\nReal scans are not in the repository, nor are pictures of them."
    )
    for one in shown:
        yield f"\n**{one.title}**\n\n![{one.title}]({one.file})"
