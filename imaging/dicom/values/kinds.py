"""What kind of image a frame is, by ImageType, FrameType and ComplexImageComponent. Pure.

Values of the standard (PS3.3 C.8.13.3.1, C.8.13.2.1.1) and those that the vendors write.
"""

import re
from collections.abc import Collection, Sequence
from enum import StrEnum


class ComplexComponent(StrEnum):
    """Complex image component (PS3.3 C.8.13.3.1.1). An image that does not say is magnitude."""

    MAGNITUDE = "magnitude"
    REAL = "real part"
    PHASE = "phase"
    IMAGINARY = "imaginary part"


class Dixon(StrEnum):
    """Which image of a Dixon acquisition. The first is the one to be segmented."""

    WATER = "water"
    IN_PHASE = "in phase"
    OPPOSED_PHASE = "opposed phase"
    FAT = "fat"
    FRACTION = "fraction or map"


class Processing(StrEnum):
    """How an image was made. The first is the one to be segmented."""

    ORIGINAL = "original"
    DERIVED = "derived"
    SECONDARY = "derived secondary"
    REFORMAT = "reformat"
    PROJECTION = "projection"
    SUBTRACTION = "subtraction"


SUBTRACTION = frozenset({"SUBTRACT", "SUBTRACTION", "SUB"})
PROJECTION = frozenset(
    {"MIP", "MINIP", "MNIP", "PROJECTION IMAGE", "MAX_IP", "MIN_IP", "MAXIMUM", "MINIMUM"}
)
REFORMAT = frozenset({"MPR", "REFORMATTED", "CPR", "CURVED", "CSA MPR"})

_COMPONENTS = {
    ComplexComponent.PHASE: frozenset({"P", "PHASE", "PHASE MAP", "PHASE_MAP"}),
    ComplexComponent.REAL: frozenset({"R", "REAL"}),
    ComplexComponent.IMAGINARY: frozenset({"I", "IMAGINARY"}),
    ComplexComponent.MAGNITUDE: frozenset({"M", "MAGNITUDE"}),
}
PHASE_IMAGES = frozenset(
    value
    for component, values in _COMPONENTS.items()
    if component is not ComplexComponent.MAGNITUDE
    for value in values
)
"""Values of ImageType, FrameType and ComplexImageComponent of images that are not magnitude."""
_PHILIPS = re.compile(r"([PRI])_(?:[A-Z]*FFE|[A-Z]*SE|[A-Z]*IR|[A-Z]*EPI|[A-Z]*TFE)")
_BY_LETTER = {
    "P": ComplexComponent.PHASE,
    "R": ComplexComponent.REAL,
    "I": ComplexComponent.IMAGINARY,
}
# (0043,102F) of GEMS_PARM_01: GE states the component of a frame nowhere else.
GE_COMPONENTS = {"0": "MAGNITUDE", "1": "PHASE", "2": "REAL", "3": "IMAGINARY"}

_DIXON = {
    Dixon.FRACTION: frozenset(
        {"FAT_FRACTION", "FF", "WATER_FRACTION", "WF", "FATFRACTION"}
    ),
    Dixon.WATER: frozenset({"WATER", "W", "WATER_ONLY", "WATERONLY", "W_ONLY"}),
    Dixon.FAT: frozenset({"FAT", "F", "FAT_ONLY", "FATONLY", "F_ONLY"}),
    Dixon.IN_PHASE: frozenset({"IN_PHASE", "IN-PHASE", "INPHASE", "IN PHASE", "IP"}),
    Dixon.OPPOSED_PHASE: frozenset(
        {"OUT_PHASE", "OUT-PHASE", "OUTPHASE", "OUT PHASE", "OPP_PHASE", "OPP-PHASE", "OPPPHASE",
         "OPPOSED_PHASE", "OPPOSED", "OUT_OF_PHASE", "OP", "OOP"}
    ),
}  # fmt: skip
_HARMLESS = _COMPONENTS[ComplexComponent.MAGNITUDE] | {
    *("", "NONE", "OTHER", "UNKNOWN", "NORM", "ND", "NFIL", "FM", "FIL", "SH", "DIS2D", "DIS3D"),
    *("MFSPLIT", "CSAPARALLEL", "DRG", "DRB", "DRS", "PFCORR", "IRM"),
}
"""Values that say how an image was corrected or stored, not what it shows."""
FAT_IMAGES = _DIXON[Dixon.FAT] | _DIXON[Dixon.OPPOSED_PHASE] | _DIXON[Dixon.FRACTION]


def component(kind: Sequence[str]) -> ComplexComponent:
    """The component of a frame; ORIGINAL and PRIMARY, which come first, say nothing of it."""
    values = frozenset(kind[2:])
    for found, names in _COMPONENTS.items():
        if found is not ComplexComponent.MAGNITUDE and values & names:
            return found
    letters = (match[1] for value in kind[2:] if (match := _PHILIPS.fullmatch(value)))
    return next((_BY_LETTER[letter] for letter in letters), ComplexComponent.MAGNITUDE)


def dixon(kind: Sequence[str]) -> Dixon | None:
    """Which image of a Dixon acquisition; None where nothing says that it is one."""
    values = frozenset(kind[2:])
    return next((found for found, names in _DIXON.items() if values & names), None)


def processing(kind: Sequence[str]) -> Processing:
    """How the image was made. An image that does not say is original."""
    values: Collection[str] = frozenset(kind)
    for names, found in (
        (SUBTRACTION, Processing.SUBTRACTION),
        (PROJECTION, Processing.PROJECTION),
        (REFORMAT, Processing.REFORMAT),
    ):
        if names.intersection(values):
            return found
    if tuple(kind[:1]) != ("DERIVED",):
        return Processing.ORIGINAL
    return Processing.SECONDARY if tuple(kind[1:2]) == ("SECONDARY",) else Processing.DERIVED


def telling(kind: Sequence[str]) -> frozenset[str]:
    """Words for what an image shows: frames that differ in them are not of one kind."""
    return frozenset(kind[2:]) - _HARMLESS


def rank(value: StrEnum) -> int:
    """Place among the values of its enumeration: 0 is the one to be segmented."""
    return list(type(value)).index(value)
