"""How many lesions came to which end: by diameter, and by conspicuity and diameter."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import Final

from imaging.metrics.bins import DiameterBin, by_diameter
from training.finish.fates import ENDS, MARKED, Fate
from training.report.accuracy import found_cell

# The classes of conspicuity and their upper ends.
CLASSES: Final = {"<2": 2.0, "2-4": 4.0, ">=4": inf}

ByConspicuity = Mapping[str, tuple[DiameterBin, ...]]


def fate_counts(found: Sequence[Fate]) -> dict[str, dict[str, int]]:
    """Lesions that came to each of `ENDS`, by the names of `imaging.metrics.bins.DiameterBin`."""
    counts: dict[str, dict[str, int]] = {one.name: {} for one in by_diameter(())}
    for end in ENDS:
        for one in by_diameter((fate.diameter_mm, True) for fate in found if fate.end == end):
            counts[one.name][end] = one.lesions
    return counts


def fate_table(counts: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """Markdown of `fate_counts`."""
    yield "| mm | " + " | ".join(reversed(ENDS)) + " |"
    yield "|---" * (len(ENDS) + 1) + "|"
    for name, ends in counts.items():
        yield f"| {name} | " + " | ".join(str(ends[end]) for end in reversed(ENDS)) + " |"


def marked_by_conspicuity(ends: Sequence[Fate]) -> ByConspicuity:
    """Which lesions were marked, for `conspicuity_table`."""
    return by_conspicuity((one.conspicuity, one.diameter_mm, one.end == MARKED) for one in ends)


def by_conspicuity(lesions: Iterable[tuple[float, float, bool]]) -> ByConspicuity:
    """Count lesions, each its conspicuity, its diameter in mm and whether it was found."""
    among: dict[str, list[tuple[float, bool]]] = {name: [] for name in CLASSES}
    for value, diameter_mm, found in lesions:
        name = next(name for name, below in CLASSES.items() if value < below)
        among[name].append((diameter_mm, found))
    return {name: by_diameter(lesions) for name, lesions in among.items()}


def conspicuity_table(counts: ByConspicuity) -> Iterator[str]:
    """Markdown: a row for each class of conspicuity, a column for each bin of diameters."""
    sizes = [f"{one.name} mm" for one in by_diameter(())]
    yield "| conspicuity | " + " | ".join(sizes) + " |"
    yield "|---" * (len(sizes) + 1) + "|"
    for name, bins in counts.items():
        yield f"| {name} | " + " | ".join(map(found_cell, bins)) + " |"
