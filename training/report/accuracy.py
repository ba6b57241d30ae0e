"""What the weights reach: targets, summaries, and the tables of the accuracy page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import Any

from imaging.metrics.bins import DiameterBin
from imaging.metrics.summary import Spread, Summary, spread, summarise
from models.card import Card
from training.data.material import Group
from training.finish.evaluation import Row, summaries
from training.finish.finishing import ENSEMBLE

SYNTHETIC = (Group.FULL, Group.STRIPPED)
# Shares to be found by diameter in mm; implants have 3-4, 5-8 and 10-15.
IMPLANTED = ((">=10", 1.0), ("5-10", 0.95), ("3-5", 0.6))
DRAWN = ((">=10", 0.96), ("5-10", 0.90), ("3-5", 0.65))


@dataclass(frozen=True, slots=True)
class Target:
    """A number to reach. `reached` is None when there was nothing to measure."""

    measure: str
    wanted: float
    at_most: bool
    reached: float | None
    of: str

    @property
    def met(self) -> bool:
        """Whether it was reached."""
        if self.reached is None:
            return False
        return self.reached <= self.wanted if self.at_most else self.reached >= self.wanted

    @property
    def words(self) -> str:
        """What was reached, with three digits; a dash where nothing was measured."""
        return "-" if self.reached is None else f"{self.reached:.3f}"

    def entry(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "measure": self.measure,
            "wanted": self.wanted,
            "wanted_is": "at most" if self.at_most else "at least",
            "reached": self.reached,
            "of": self.of,
            "met": self.met,
        }


def targets(rows: Sequence[Row]) -> Iterator[Target]:
    """The numbers that the weights should reach, and what they reach."""
    tumours, brains = (_of(rows, group) for group in (Group.TUMOUR, Group.NEGATIVE))
    drawn = _of(rows, *SYNTHETIC)
    dice = _mean(tumours, "dice")
    gliomas, negatives = f"{len(tumours)} gliomas", f"{len(brains)} brains"
    yield Target(
        "real tumours, cross-validated: tumour-core Dice, mean", 0.83, False, dice, gliomas
    )
    middle = _median(tumours, "dice")
    yield Target(
        "real tumours, cross-validated: tumour-core Dice, median", 0.89, False, middle, gliomas
    )
    yield _false("real tumours, cross-validated: false components a scan", 0.5, tumours, gliomas)
    yield _false("MS brains without tumour, cross-validated: false ones", 0.5, brains, negatives)
    whole = _of(rows, Group.WHOLE)
    yield _false("real full heads: false ones", 0.5, whole, f"{len(whole)} heads")
    yield from _found_of("implanted into real scans", _of(rows, Group.IMPLANT), IMPLANTED)
    yield from _found_of("synthetic", drawn, DRAWN)
    heads = f"{len(drawn)} heads"
    yield _false("synthetic: false positives a scan", 0.7, drawn, heads)
    found_dice = detected(drawn)
    yield Target(
        "synthetic: Dice of detected lesions, mean",
        0.80,
        False,
        found_dice.mean if found_dice else None,
        f"{found_dice.n if found_dice else 0} lesions",
    )
    members = {row.subject for row in rows} - {ENSEMBLE}
    alone = [_mean(_of(rows, Group.TUMOUR, subject=name), "dice") for name in members]
    best = max((one for one in alone if one is not None), default=None)
    gain = None if best is None or dice is None else dice - best
    yield Target("ensemble minus best member, Dice on real tumours", 0.0, False, gain, gliomas)


def _found_of(
    what: str, rows: Sequence[Row], wanted: Sequence[tuple[str, float]]
) -> Iterator[Target]:
    bins = summarise([row.evaluation for row in rows]).sensitivity_by_diameter if rows else ()
    by_name = {one.name: one for one in bins}
    for name, share in wanted:
        found = by_name.get(name)
        counts = "" if found is None else f"{found.found} of {found.lesions}"
        reached = None if found is None else found.sensitivity
        yield Target(f"{what}: sensitivity, lesions of {name} mm", share, False, reached, counts)


def detected(rows: Sequence[Row]) -> Spread | None:
    """Dice of every detected lesion of all heads."""
    return spread(one.dice for row in rows for one in row.evaluation.detections)


def accuracy_entry(card: Card, rows: Sequence[Row], command: str) -> dict[str, Any]:
    """For JSON: targets, summaries, and each head without its single lesions.

    Heads of the cross-validation are left out: the card holds them.
    """
    on_card = {_key(entry) for entry in card.measured.get("cross_validation", ())}
    heads = [entry for entry in (row.entry() for row in rows) if _key(entry) not in on_card]
    groups = []
    for group, subject, summary in summaries(rows):
        lesions = detected([row for row in rows if (row.group, row.subject) == (group, subject)])
        groups.append(
            {
                "group": str(group),
                "subject": subject,
                "cases": summary.cases,
                "true_positives": summary.true_positives,
                "false_negatives": summary.false_negatives,
                "false_positives": summary.false_positives,
                "measures": {name: _spread(value) for name, value in summary.measures.items()},
                "detected_dice": _spread(lesions),
                "sensitivity_by_diameter_mm": {
                    one.name: [one.found, one.lesions] for one in summary.sensitivity_by_diameter
                },
            }
        )
    return {
        "version": card.version,
        "command": command,
        "research_use_only": True,
        "targets": [target.entry() for target in targets(rows)],
        "groups": groups,
        "heads": heads,
    }


def _key(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    return entry["head"], entry["group"], entry["subject"]


def target_table(rows: Sequence[Row]) -> Iterator[str]:
    """Markdown: targets and what was reached."""
    yield "| measure | to reach | reached | of | short by |"
    yield "|---|---|---|---|---|"
    for one in targets(rows):
        sign = "<=" if one.at_most else ">="
        short = "-" if one.met or one.reached is None else f"{abs(one.reached - one.wanted):.3f}"
        yield f"| {one.measure} | {sign} {one.wanted:g} | {one.words} | {one.of} | {short} |"


def measure_table(rows: Sequence[Row]) -> Iterator[str]:
    """Markdown: each group and subject; mean, median (SD) over heads with lesions."""
    yield (
        "| heads | by | n | Dice | lesion-wise Dice | surface Dice | HD95 mm | found | "
        "false a head: mean, median, most |"
    )
    yield "|---" * 9 + "|"
    for group, subject, found in summaries(rows):
        values = [found.measures[name] for name in _SHOWN]
        cells = [_cell(value, digits) for value, digits in zip(values, (3, 3, 3, 1), strict=True)]
        yield (
            f"| {group} | {subject} | {found.cases} | {' | '.join(cells)} | {_found(found)} | "
            f"{_falses(found)} |"
        )


def size_table(rows: Sequence[Row]) -> Iterator[str]:
    """Markdown: lesions found by equivalent diameter."""
    lines = list(summaries(rows))
    bins = lines[0][2].sensitivity_by_diameter
    yield "| heads | by | " + " | ".join(f"{one.name} mm" for one in bins) + " |"
    yield "|---" * (len(bins) + 2) + "|"
    for group, subject, found in lines:
        if found.cases_with_lesions:
            cells = " | ".join(found_cell(one) for one in found.sensitivity_by_diameter)
            yield f"| {group} | {subject} | {cells} |"


def head_table(rows: Sequence[Row], *groups: Group) -> Iterator[str]:
    """Markdown: each head of some groups, by the ensemble."""
    yield "| head | Dice | found | false | volume error |"
    yield "|---|---|---|---|---|"
    for row in _of(rows, *groups):
        one = row.evaluation
        dice = f"{one.dice:.3f}" if one.lesions else "-"
        yield (
            f"| {row.head} ({row.group}) | {dice} | {one.true_positives} of {one.lesions} | "
            f"{one.false_positives} | {one.volume_error_mm3 / 1000:+.2f} ml |"
        )


_SHOWN = ("dice", "lesion_dice", "surface_dice", "hd95_mm")


def _of(rows: Sequence[Row], *groups: Group, subject: str = ENSEMBLE) -> list[Row]:
    return [row for row in rows if row.group in groups and row.subject == subject]


def _mean(rows: Sequence[Row], measure: str) -> float | None:
    values = [getattr(row.evaluation, measure) for row in rows]
    return fmean(values) if values else None


def _median(rows: Sequence[Row], measure: str) -> float | None:
    values = [getattr(row.evaluation, measure) for row in rows]
    return median(values) if values else None


def _false(measure: str, wanted: float, rows: Sequence[Row], of: str) -> Target:
    return Target(measure, wanted, True, _mean(rows, "false_positives"), of)


def _spread(value: Spread | None) -> dict[str, Any] | None:
    return None if value is None else asdict(value)


def _cell(value: Spread | None, digits: int) -> str:
    if value is None:
        return "-"
    sd = "-" if value.sd is None else f"{value.sd:.{digits}f}"
    return f"{value.mean:.{digits}f}, {value.median:.{digits}f} ({sd})"


def _found(summary: Summary) -> str:
    return f"{summary.true_positives} of {summary.lesions}"


def _falses(summary: Summary) -> str:
    value = summary.measures["false_positives"]
    return "-" if value is None else f"{value.mean:.2f}, {value.median:g}, {value.greatest:g}"


def found_cell(one: DiameterBin) -> str:
    """Markdown: found lesions of all, and their share."""
    share = f" ({one.sensitivity:.2f})" if one.sensitivity is not None else ""
    return f"{one.found} of {one.lesions}{share}"
