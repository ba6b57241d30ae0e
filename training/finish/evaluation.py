"""Measured heads: one row per head and subject, and their summaries."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from imaging.metrics.bins import DiameterBin
from imaging.metrics.evaluation import Evaluation, evaluation_entry
from imaging.metrics.summary import Summary, summarise
from training.data.material import Group


@dataclass(frozen=True, slots=True)
class Row:
    """One head, measured for one subject: the ensemble or a member alone."""

    head: str
    group: Group
    subject: str
    evaluation: Evaluation

    def line(self) -> str:
        """Plain words for a log."""
        found = self.evaluation
        return (
            f"{self.subject}, {self.group}, {self.head}: Dice {found.dice:.3f}, found "
            f"{found.true_positives} of {found.lesions}, {found.false_positives} false"
        )

    def entry(self) -> dict[str, Any]:
        """For JSON, without the single lesions."""
        entry = evaluation_entry(self.evaluation)
        del entry["detections"]
        return {"head": self.head, "group": str(self.group), "subject": self.subject} | entry


def row_from(entry: Mapping[str, Any]) -> Row:
    """A row from what `Row.entry` made of it."""
    values = {one.name: entry[one.name] for one in fields(Evaluation) if one.name in entry}
    values["sensitivity_by_diameter"] = tuple(
        DiameterBin(**{one.name: found[one.name] for one in fields(DiameterBin)})
        for found in entry["sensitivity_by_diameter"]
    )
    return Row(entry["head"], Group(entry["group"]), entry["subject"], Evaluation(**values))


def summaries(rows: Iterable[Row]) -> Iterator[tuple[Group, str, Summary]]:
    """One for each group and subject that has rows: groups in order, subjects as they occur."""
    rows = list(rows)
    names = list(dict.fromkeys(row.subject for row in rows))
    for group in Group:
        for name in names:
            of_both = [r.evaluation for r in rows if (r.group, r.subject) == (group, name)]
            if of_both:
                yield group, name, summarise(of_both)
