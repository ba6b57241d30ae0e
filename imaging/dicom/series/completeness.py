"""Whether a series came whole, by what its own headers promise. Nothing here refuses: a promise may
be left over from an anonymiser, or count what was never sent.
"""

from collections.abc import Sequence

from pydicom.dataset import Dataset

from imaging.dicom.values.raw_values import private_number, text

_PROMISES = (
    ("ImagesInAcquisition", "images"),  # PS3.3 C.7.6.1
    ("NumberOfSeriesRelatedInstances", "images"),  # PS3.4 C.6.1.1.4; some archives write it
    ("InConcatenationTotalNumber", "parts"),  # PS3.3 C.7.6.16.2.2.4
)
_PRIVATE_PROMISES = (
    # Of slices; group, creator, element and name as in the vendors' conformance statements.
    (0x2001, "Philips Imaging DD 001", 0x18, "Number of Slices MR"),
    (0x0021, "GEMS_RELA_01", 0x4F, "Locations in Acquisition"),
)
FIRST_NUMBERS = (0, 1)
"""InstanceNumber of the first image; some writers count from 0."""


def missing_images(
    taken: Sequence[Dataset], n_slices: int, *, beside: Sequence[Dataset] = ()
) -> list[str]:
    """Warnings about images that the headers of a series promise and that are not there.

    `taken` are the instances of a volume of `n_slices` slices, each once, in any order, and
    `beside` those that were left out of it: these are not missing. Values that are not numbers say
    nothing.
    """
    return [*_promised([*taken, *beside], n_slices), *_unnumbered(taken, beside)]


def _promised(datasets: Sequence[Dataset], n_slices: int) -> list[str]:
    found = []
    for keyword, what in _PROMISES:
        promised = max((_number(text(one, keyword)) or 0 for one in datasets), default=0)
        there = len(datasets) if what == "parts" else max(len(datasets), n_slices)
        if promised > there:
            found.append(
                f"{keyword} promises {promised} {what}, {len(datasets)} are there:"
                " the series may be incomplete"
            )
    for group, creator, element, name in _PRIVATE_PROMISES:
        said = (private_number(one, group, creator, element) for one in datasets)
        if (promised := max(said, default=0)) > max(len(datasets), n_slices):
            found.append(
                f"{name} promises {promised} slices, {n_slices} are there:"
                " the series may be incomplete"
            )
    return found


def _unnumbered(taken: Sequence[Dataset], beside: Sequence[Dataset]) -> list[str]:
    """Warnings about what the InstanceNumbers of single-frame images leave out before and between
    them; empty where some have no number or share one.
    """
    own = _numbers(taken)
    if len(taken) < 2 or len(own) < len(taken):
        return []
    first, last = min(own), max(own)
    known = own | _numbers(beside)
    found = []
    if min(known) > max(FIRST_NUMBERS):
        found.append(
            f"InstanceNumber begins at {min(known)}: images before it may be missing, and the"
            " volume may not cover the whole head"
        )
    if between := last - first + 1 - sum(first <= number <= last for number in known):
        found.append(
            f"InstanceNumber leaves out {between} of {first} to {last}: images may be missing"
        )
    return found


def _numbers(datasets: Sequence[Dataset]) -> set[int]:
    found = {_number(text(one, "InstanceNumber")) for one in datasets}
    return {number for number in found if number is not None}


def _number(said: str) -> int | None:
    try:
        return int(said)
    except ValueError:
        return None
