"""Which regions of an RT Structure Set are the tumour itself, and why the others are not."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.dicom.values.raw_values import text
from imaging.masks.roi_names import Meaning, meaning
from imaging.remarks import listed
from metseg.errors import ReferenceMaskError

XOR = "CLOSEDPLANAR_XOR"
_CLOSED = frozenset({"CLOSED_PLANAR", XOR, "INTERPOLATED_PLANAR"})
"""PS3.3 C.8.8.6.1. INTERPOLATED_PLANAR is not in the standard: OsiriX and Horos use it for the
closed contours that they make between two drawn ones.
"""
_TARGET = "GTV"
_UNTYPED = frozenset({"", "UNDEFINED", "NONE"})
_CODE = re.compile(r"[A-Z_]{1,16}")
_SHOWN = 20  # names in the record of a choice; `_LETTERS` are shown of each
_LETTERS = 40
_WORD = re.compile(r"[^\W\d_]+|\d+")
_LONGEST_NUMBER = 2
"""Most digits of a number that is shown, such as that of a region, a dose or a margin; dates and
ids have more digits, or several numbers.
"""
_MOST_NUMBERS = 2
_PUBLIC = frozenset(
    word
    for line in (
        "all and avoid bed bett bm body bone brain brainstem c cavity cerebellar cerebellum",
        "cerebro cerveau cervello cgy chiasm chiasma cm cochlea copy cord core ctv dose dummy",
        "edema enhancing external eye eyes flair front frontal gehirn gtv gtvn gtvp gy halo head",
        "help hippocampus hirn hirnstamm itv l laesion left lens lesion lesions lesión letsel li",
        "links läsion lésion margin met meta metastase metastasen metastases metastasis mets",
        "minus mm necrosis nerve occipital oedema ohne old op opt optic orbit parietal plan plus",
        "post pre prv ptv r rand re rechts resection right rim ring sans shell skin skull temp",
        "temporal test tu tumeur tumor tumorbett tumore tumour und without zopt ödem метастаз",
        "опухоль очаг 病灶 肿瘤 腫瘍 転移 转移 转移瘤 전이 종양",
    )
    for word in line.split()
)
"""Words that are shown of a region's name."""

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Contour:
    """A closed contour: points ``(N, 3)`` in LPS mm; `exclusive` says whether it is combined by
    XOR.
    """

    points: Points
    exclusive: bool


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A region with its closed contours. `kind` is RTROIInterpretedType, empty where it is not
    given.
    """

    number: int
    name: str
    kind: str
    contours: tuple[Contour, ...]

    @property
    def meaning(self) -> Meaning:
        """What its name says."""
        return meaning(self.name)

    @property
    def why(self) -> str:
        """Its type, or what its name says, in our words and those of the standard."""
        if self.kind in _UNTYPED or self.kind == _TARGET:
            return self.meaning.value
        return f"of type {self.kind}" if _CODE.fullmatch(self.kind) else "of another type"


@dataclass(frozen=True, slots=True)
class Targets:
    """The regions that count, and in words which were taken and left out."""

    regions: tuple[Region, ...]
    notes: tuple[str, ...]


def choose_targets(dataset: Dataset, names: Sequence[str] = ()) -> Targets:
    """The regions of a structure set that are the tumour itself.

    These are looked for among the regions of type GTV; if there are none, among those without a
    type that are named like a tumour; if there are none, among all others without a type. Those
    count whose name does not say that they are a margin, a ring, a plan, what is left without the
    tumour, or an organ. Names that only may say so count where there are no better ones.

    Parameters
    ----------
    names
        Patterns of a site for `matches`: only what they name is taken, whatever its type.

    Raises
    ------
    ReferenceMaskError
        No region with closed contours is a target.
    """
    regions = read_regions(dataset)
    drawn = [one for one in regions if one.contours]
    if names:
        taken = [one for one in drawn if matches(one.name, names)]
        if not taken:
            raise ReferenceMaskError(
                f"structure set must have a target with closed planar contours: none of its "
                f"{len(regions)} regions is named as METSEG_REFERENCE_REGIONS says"
            )
    else:
        taken = _tumours(drawn)
        if not taken:
            raise ReferenceMaskError(
                "structure set must have a target with closed planar contours, "
                f"got {_counted(regions)}"
            )
    return Targets(tuple(taken), tuple(_notes(taken, drawn)))


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name matches one of the patterns, and none of those that begin with !.

    A pattern is as in a shell (``GTV*``, ``met ?``), upper and lower case do not matter.
    """
    low = name.casefold().strip()
    wanted = [one.casefold() for one in patterns if not one.startswith("!")]
    unwanted = [one[1:].casefold() for one in patterns if one.startswith("!")]
    if any(fnmatchcase(low, one) for one in unwanted):
        return False
    return not wanted or any(fnmatchcase(low, one) for one in wanted)


def read_regions(dataset: Dataset) -> list[Region]:
    """Every region of a structure set, by its number.

    Raises
    ------
    ReferenceMaskError
        A contour has points that are not finite, or two regions have one number.
    Exception
        Whatever pydicom raises over values that are not what their tags say.
    """
    kinds = {
        int(item.ReferencedROINumber): text(item, "RTROIInterpretedType").strip().upper()
        for item in dataset.get("RTROIObservationsSequence") or ()
    }
    contours: dict[int, list[Contour]] = {}
    for item in dataset.get("ROIContourSequence") or ():
        contours.setdefault(int(item.ReferencedROINumber), []).extend(_contours(item))
    numbers = [int(item.ROINumber) for item in dataset.get("StructureSetROISequence") or ()]
    if len(set(numbers)) < len(numbers):
        raise ReferenceMaskError("each region must have a ROINumber of its own")
    return [
        Region(
            number=number,
            name=text(item, "ROIName"),
            kind=kinds.get(number, ""),
            contours=tuple(contours.get(number, ())),
        )
        for number, item in zip(numbers, dataset.get("StructureSetROISequence") or (), strict=True)
    ]


def _contours(item: Dataset) -> Iterable[Contour]:
    """The closed contours of a region; points and open lines enclose nothing."""
    for contour in item.get("ContourSequence") or ():
        kind = text(contour, "ContourGeometricType").strip().upper()
        if kind not in _CLOSED:
            continue
        points = np.array([float(v) for v in contour.get("ContourData") or ()]).reshape(-1, 3)
        if not np.isfinite(points).all():
            raise ReferenceMaskError("contours must be finite")
        if len(points) >= 3:
            yield Contour(points, exclusive=kind == XOR)


def _tumours(drawn: Sequence[Region]) -> list[Region]:
    typed = [one for one in drawn if one.kind == _TARGET]
    untyped = [one for one in drawn if one.kind in _UNTYPED]
    best_first: list[tuple[list[Region], set[Meaning]]] = [
        (typed, {Meaning.TUMOUR, Meaning.UNSAID}),
        (typed, {Meaning.DOUBTFUL, Meaning.ORGAN}),  # an organ's name may say where the tumour is
        (untyped, {Meaning.TUMOUR}),
        (untyped, {Meaning.DOUBTFUL}),
        (untyped, {Meaning.UNSAID}),
    ]
    for regions, meanings in best_first:
        found = [one for one in regions if one.meaning in meanings]
        if found:
            return found
    return []


def _notes(taken: Sequence[Region], drawn: Sequence[Region]) -> Iterable[str]:
    yield f"regions taken: {_listed(taken)}"
    numbers = {one.number for one in taken}
    left = [one for one in drawn if one.number not in numbers]
    if left:
        yield f"regions left out: {_listed(left, why=True)}"


def _listed(regions: Sequence[Region], *, why: bool = False) -> str:
    return listed(
        [f"{one.number} {shown(one.name)}" + f" ({one.why})" * why for one in regions], _SHOWN
    )


def shown(name: str) -> str:
    """A name in quotes; withheld where a word in it is not a known one of the field: it may be the
    patient's name, in whatever script.
    """
    words = _WORD.findall(name)
    n_numbers = sum(word.isdecimal() for word in words)
    if not all(map(_is_public, words)) or n_numbers > _MOST_NUMBERS:
        return "(name withheld)"
    plain = "".join(c if c.isprintable() else " " for c in name)
    return f"'{plain[:_LETTERS]}'"


def _is_public(word: str) -> bool:
    return word.casefold() in _PUBLIC or (word.isdecimal() and len(word) <= _LONGEST_NUMBER)


def _counted(regions: Sequence[Region]) -> str:
    """How many regions there are of what kind, without their names."""
    if not regions:
        return "no region"
    kinds = [one.why for one in regions]
    drawn = sum(bool(one.contours) for one in regions)
    counts = ", ".join(f"{kinds.count(kind)} x {kind}" for kind in dict.fromkeys(kinds))
    return f"{len(regions)} regions, {drawn} of them with closed contours: {counts}"
